//! What files come to, what is said of wrong ones, and that nothing in a file can make us panic.

mod appliance;
mod board;
mod credentials;
mod dns;
mod hostile;
mod loads;
mod mistakes;
mod references;
mod return_to;
mod values;
