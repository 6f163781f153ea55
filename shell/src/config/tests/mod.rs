//! What files come to, what is said of wrong ones, and that nothing in a file can make us panic.

mod appliance;
mod board;
mod cautions;
mod certificates;
mod clips;
mod credentials;
mod desk;
mod dns;
mod hostile;
mod identity;
mod loads;
mod mistakes;
mod platform;
mod references;
mod register;
mod return_to;
mod schedules;
mod values;
mod waiting;
