//! The kernel's queues (io_uring), and the buffers it reads and writes: the one place where they are touched.
//!
//! A datagram stays in the buffer that the kernel wrote it into, is rewritten there, and is sent from there; the address it
//! goes to is written where the kernel had written the one it came from. Who has a buffer is always one of three: the kernel,
//! to be filled; the kernel, until a send is over; or we, between.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::net::SocketAddr;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, Fixed, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{Builder, IoUring, cqueue, opcode, squeue};
use warmline_core::relay::TAILROOM;

use super::address;
use super::plane::{Count, LARGEST};

/// How many buffers the kernel has to write datagrams into: few enough to stay in a core's cache. What finds none waits in
/// its socket.
const TO_FILL: u16 = 1024;

/// How many buffers there are for datagrams of our own.
const OWN: u16 = 128;

/// How many requests are handed to the kernel at once, and how many answers it can have for us.
const REQUESTS: u32 = 128;
const ANSWERS: u32 = 8192;

/// What stands before a datagram: how long its parts are (four numbers), where it is from, and where to it was sent.
const HEAD: usize = 4 * size_of::<u32>();
pub(super) const CONTROL: usize = 48;
const NAME_AT: usize = HEAD;
const CONTROL_AT: usize = NAME_AT + address::LEN;
const PACKET_AT: usize = CONTROL_AT + CONTROL;

/// One buffer, and how much of it the kernel may fill.
const BUFFER: usize = (PACKET_AT + LARGEST + TAILROOM).next_multiple_of(64);
const FILLED: usize = PACKET_AT + LARGEST;

/// The memory of all buffers, and that of the list of those to fill, which is to begin a page.
const BUFFERS: Layout = layout((TO_FILL + OWN) as usize * BUFFER, 64);
const LIST: Layout = layout(TO_FILL as usize * size_of::<BufRingEntry>(), 4096);

/// The group that all buffers are of.
const GROUP: u16 = 0;

/// How long the kernel may take to let go of everything at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A socket in the ring's own table. It takes none of the process's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File(u32);

/// A datagram that came.
pub(super) struct Arrived<'b> {
    /// What its socket is known by.
    pub(super) token: u16,
    pub(super) from: SocketAddr,
    /// What the system says beside.
    pub(super) control: &'b [u8],
    /// It, and [`TAILROOM`].
    pub(super) packet: &'b mut [u8],
    pub(super) len: usize,
}

/// Where a datagram goes.
pub(super) struct Leaving {
    pub(super) file: File,
    pub(super) to: SocketAddr,
    pub(super) len: usize,
}

/// What of the ring's table a socket is.
#[derive(Clone, Copy)]
struct Place {
    /// Which use of the place: answers to a former one are known by it.
    generation: u8,
    /// What comes there is known by this.
    token: Option<u16>,
}

/// What an answer is to.
#[derive(Clone, Copy)]
enum Request {
    Receive { token: u16, file: u32, generation: u8 },
    Send { buffer: u16 },
    Wake,
}

/// What is yet to be looked at of an answer.
#[derive(Clone, Copy)]
struct Answer {
    request: Request,
    result: i32,
    flags: u32,
}

pub(super) struct Ring {
    ring: IoUring,
    places: Vec<Place>,
    free: Vec<u32>,
    /// Answers that came to requests to receive.
    answers: VecDeque<Answer>,
    /// How many of these had come when it was waited last.
    gathered: usize,
    /// How many requests have yet to be answered for the last time, and how many of them are sends.
    asked: usize,
    sending: usize,
    /// What a woken worker is woken by.
    waker: RawFd,
    woken: bool,
    own: Vec<u16>,
    /// How often a buffer was given to the kernel to fill.
    given: u16,
    buffers: Memory,
    /// Which buffers the kernel may fill: a ring of its own form.
    list: Memory,
    /// How what comes is to be written. The kernel reads it when it is asked to receive.
    shape: Box<libc::msghdr>,
    pub(super) count: Count,
    /// What went wrong since it was waited last.
    trouble: Option<io::Error>,
}

impl Ring {
    /// A ring with room for so many sockets. It is for the thread that makes it. It tells when there is something to read
    /// at `waker`, which is to outlive it.
    pub(super) fn new(sockets: u32, waker: &impl AsRawFd) -> io::Result<Self> {
        let ring = made()?;
        ring.submitter().register_files_sparse(sockets)?;
        // SAFETY: all zero bits are a message header that names no memory.
        let mut shape: Box<libc::msghdr> = Box::new(unsafe { core::mem::zeroed() });
        shape.msg_namelen = address::LEN as libc::socklen_t;
        shape.msg_controllen = CONTROL as _;
        let mut this = Self {
            ring,
            places: vec![Place { generation: 0, token: None }; sockets as usize],
            free: (0..sockets).rev().collect(),
            answers: VecDeque::with_capacity(ANSWERS as usize),
            gathered: 0,
            asked: 0,
            sending: 0,
            waker: waker.as_raw_fd(),
            woken: false,
            own: (TO_FILL..TO_FILL + OWN).collect(),
            given: 0,
            buffers: Memory::new(BUFFERS),
            list: Memory::new(LIST),
            shape,
            count: Count::default(),
            trouble: None,
        };
        let list = this.list.0.as_ptr() as u64;
        // SAFETY: the list is so many entries long, page-aligned, and lives until the group is given up or the ring closed.
        unsafe { this.ring.submitter().register_buf_ring_with_flags(list, TO_FILL, GROUP, 0) }?;
        (0..TO_FILL).for_each(|buffer| this.give(buffer));
        this.publish();
        this.watch();
        Ok(this)
    }

    /// Whether the kernel lets us have a ring and knows all that we ask of it: a datagram goes through one. That is on a
    /// thread of its own, since the kernel interrupts the one that had a ring while it clears it away.
    pub(super) fn trial() -> io::Result<()> {
        let trial = std::thread::Builder::new().name("trial".to_owned()).spawn(Self::try_out)?;
        trial.join().unwrap_or_else(|_| Err(io::Error::other("its trial has failed")))
    }

    fn try_out() -> io::Result<()> {
        const WORD: &[u8] = b"warmline";
        let poll = mio::Poll::new()?;
        let socket = std::net::UdpSocket::bind((core::net::Ipv4Addr::LOCALHOST, 0))?;
        let to = socket.local_addr()?;
        let mut ring = Self::new(1, &poll)?;
        let file = ring.add(&socket)?;
        ring.listen(file, 7);
        ring.send(file, to, WORD);
        let since = std::time::Instant::now();
        while since.elapsed() < PATIENCE {
            ring.wait(Some(Duration::from_millis(100)))?;
            let failed =
                ring.answers.iter().find(|answer| answer.result < 0 && answer.result != -libc::ENOBUFS);
            if let Some(failed) = failed {
                return Err(io::Error::from_raw_os_error(-failed.result));
            }
            if ring.count.unsent > 0 {
                return Err(io::ErrorKind::Unsupported.into());
            }
            let mut came = false;
            ring.receive(|arrived| {
                let word = arrived.packet.get(..arrived.len);
                came |= (arrived.token, arrived.from, word) == (7, to, Some(WORD));
                None
            });
            if came {
                return Ok(());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Takes a socket in. Ours can be closed after.
    ///
    /// # Errors
    /// `EMFILE` where the table is full.
    pub(super) fn add(&mut self, socket: &impl AsFd) -> io::Result<File> {
        let file = self.free.pop().ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE))?;
        match self.ring.submitter().register_files_update(file, &[socket.as_fd().as_raw_fd()]) {
            Ok(_) => Ok(File(file)),
            Err(error) => {
                self.free.push(file);
                Err(error)
            }
        }
    }

    /// Has what comes to a socket handed over with this token.
    pub(super) fn listen(&mut self, File(file): File, token: u16) {
        let Some(place) = self.places.get_mut(file as usize) else { return };
        place.token = Some(token);
        let request = Request::Receive { token, file, generation: place.generation };
        self.ask_to_receive(request, file)
    }

    /// Closes a socket.
    pub(super) fn remove(&mut self, File(file): File) {
        let Some(place) = self.places.get_mut(file as usize) else { return };
        if let Some(token) = place.token.take() {
            let request = Request::Receive { token, file, generation: place.generation };
            // It may be over by itself. Its last answer is of a generation that nobody listens to.
            let asked = CancelBuilder::user_data(request.number());
            let _ = self.submit().and_then(|()| self.ring.submitter().register_sync_cancel(None, asked));
        }
        if let Some(place) = self.places.get_mut(file as usize) {
            place.generation = place.generation.wrapping_add(1);
        }
        if self.ring.submitter().register_files_update(file, &[-1]).is_ok() {
            self.free.push(file);
        }
    }

    /// Hands over what is asked of the kernel, and waits until something else has come than the ends of sends.
    ///
    /// # Errors
    /// What the kernel did not do since this was called last.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.publish();
        self.reap();
        if !self.answers.is_empty() || self.woken || timeout == Some(Duration::ZERO) {
            self.look()?;
        } else {
            let want = self.sending + 1;
            let waited = match timeout {
                None => self.ring.submitter().submit_and_wait(want),
                Some(timeout) => {
                    let time = Timespec::from(timeout);
                    self.ring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&time))
                }
            };
            passed(waited)?;
        }
        self.reap();
        self.gathered = self.answers.len();
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// Hands over the datagrams that had come when [`Ring::wait`] returned, and sends on what `carry` says. Whether there
    /// were any.
    pub(super) fn receive(&mut self, mut carry: impl FnMut(Arrived<'_>) -> Option<Leaving>) -> bool {
        let before = self.count.received;
        for _ in 0..core::mem::take(&mut self.gathered) {
            let Some(Answer { request, result, flags }) = self.answers.pop_front() else { break };
            let Request::Receive { token, file, generation } = request else { continue };
            if let Some(buffer) = cqueue::buffer_select(flags) {
                self.count.received += 1;
                match self.arrived(token, buffer, result).map(&mut carry) {
                    None => {
                        self.count.unsent += 1;
                        self.give(buffer);
                    }
                    Some(None) => self.give(buffer),
                    Some(Some(leaving)) => self.send_from(buffer, &leaving),
                }
            }
            if cqueue::more(flags) {
                continue;
            }
            // There was no buffer, or the kernel has other reasons; until it is removed, it is asked again.
            let place = self.places.get(file as usize);
            if place.is_some_and(|place| place.generation == generation && place.token == Some(token)) {
                self.ask_to_receive(request, file);
            }
        }
        self.count.received != before
    }

    /// Whether the waker has rung. Then it does not tell again before [`Ring::watch`].
    pub(super) fn woken(&mut self) -> bool {
        core::mem::take(&mut self.woken)
    }

    /// Sends a datagram of our own.
    pub(super) fn send(&mut self, file: File, to: SocketAddr, packet: &[u8]) {
        if self.own.is_empty() {
            self.hand_over();
        }
        let Some(buffer) = self.own.pop() else {
            self.count.unsent += 1;
            return;
        };
        let room = self.bytes(buffer).and_then(|bytes| bytes.get_mut(PACKET_AT..)).unwrap_or_default();
        let len = packet.len().min(room.len());
        room.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        self.send_from(buffer, &Leaving { file, to, len });
    }

    /// Sends what is in a buffer, which the kernel has from here on.
    fn send_from(&mut self, buffer: u16, leaving: &Leaving) {
        let Some(send) = self.bytes(buffer).and_then(|bytes| leave(bytes, leaving)) else {
            self.count.unsent += 1;
            return self.give(buffer);
        };
        self.sending += 1;
        // SAFETY: the datagram and its address lie in the buffer, which nobody touches until the answer has come.
        if !unsafe { self.ask(Request::Send { buffer }, send) } {
            self.sending -= 1;
            self.count.unsent += 1;
            self.give(buffer);
        }
    }

    fn ask_to_receive(&mut self, request: Request, file: u32) {
        let receive = opcode::RecvMsgMulti::new(Fixed(file), &raw const *self.shape, GROUP).build();
        // SAFETY: the shape lives as long as the ring, and names no memory; what comes is written to the group's buffers.
        unsafe { self.ask(request, receive) };
    }

    /// Asks to be told when the waker rings, or that there is something to read at it already.
    pub(super) fn watch(&mut self) {
        let watch = opcode::PollAdd::new(Fd(self.waker), libc::POLLIN as u32).build();
        // SAFETY: it names no memory.
        unsafe { self.ask(Request::Wake, watch) };
    }

    /// Queues a request; where there is no room, those before are handed over first. False where the kernel takes none.
    ///
    /// # Safety
    /// What it names is to be left alone until it is answered for the last time.
    unsafe fn ask(&mut self, request: Request, entry: squeue::Entry) -> bool {
        let entry = entry.user_data(request.number());
        // SAFETY: the caller's promise.
        let asked = unsafe { self.ring.submission().push(&entry) }.is_ok() || {
            self.hand_over();
            // SAFETY: the caller's promise.
            unsafe { self.ring.submission().push(&entry) }.is_ok()
        };
        self.asked += usize::from(asked);
        asked
    }

    /// Hands over what was queued, and takes in what is over by then.
    fn hand_over(&mut self) {
        self.publish();
        if let Err(error) = self.submit() {
            self.trouble = Some(error);
        }
        self.reap();
    }

    /// Hands over what was queued.
    fn submit(&self) -> io::Result<()> {
        passed(self.ring.submit())
    }

    /// Hands over what was queued, and has the kernel do what it put off, where there is any such thing.
    fn look(&mut self) -> io::Result<()> {
        let queue = self.ring.submission();
        let idle = queue.is_empty() && !queue.taskrun() && !queue.cq_overflow();
        drop(queue);
        if idle { Ok(()) } else { self.submit() }
    }

    /// Takes answers in. Buffers whose sends are over are free then.
    fn reap(&mut self) {
        let mut over = ([0; 64], 0);
        loop {
            // A few at a time: the queue cannot be read while buffers are given back.
            let queue = self.ring.completion();
            for entry in queue.take(over.0.len()) {
                let (result, flags) = (entry.result(), entry.flags());
                if !cqueue::more(flags) {
                    self.asked -= 1;
                }
                match Request::of(entry.user_data()) {
                    Some(Request::Send { buffer }) => {
                        self.sending -= 1;
                        *(if result < 0 { &mut self.count.unsent } else { &mut self.count.sent }) += 1;
                        if let Some(place) = over.0.get_mut(over.1) {
                            *place = buffer;
                            over.1 += 1;
                        }
                    }
                    Some(Request::Wake) => self.woken = true,
                    Some(request) => self.answers.push_back(Answer { request, result, flags }),
                    None => {}
                }
            }
            let count = core::mem::take(&mut over.1);
            over.0.iter().take(count).for_each(|&buffer| self.give(buffer));
            if self.ring.completion().is_empty() {
                return;
            }
        }
    }

    /// A datagram in a buffer that the kernel has filled; none where it is too long or of nobody.
    fn arrived(&mut self, token: u16, buffer: u16, result: i32) -> Option<Arrived<'_>> {
        let filled = usize::try_from(result).ok()?;
        let (name, len) = {
            let shape = *self.shape;
            let out = RecvMsgOut::parse(self.bytes(buffer)?.get(..filled)?, &shape).ok()?;
            let whole = !out.is_payload_truncated() && !out.is_name_data_truncated();
            (address::read(out.name_data()).filter(|_| whole)?, out.payload_data().len())
        };
        let (head, packet) = self.bytes(buffer)?.split_at_mut_checked(PACKET_AT)?;
        Some(Arrived { token, from: name, control: head.get(CONTROL_AT..)?, packet, len })
    }

    /// A buffer that is ours; none where there is none of that number.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "what is given out can be written to")]
    fn bytes(&mut self, buffer: u16) -> Option<&mut [u8]> {
        if buffer >= TO_FILL + OWN {
            return None;
        }
        let at = self.buffers.0.as_ptr().wrapping_add(usize::from(buffer) * BUFFER);
        // SAFETY: it lies in the memory of all buffers and was written before, if by zeros. The kernel has told of it, or
        // it was never its: it writes there again only after `give`, and reads there only after `ask`.
        Some(unsafe { core::slice::from_raw_parts_mut(at, BUFFER) })
    }

    /// Gives a buffer up: to the kernel, once that is published, or to those of our own.
    fn give(&mut self, buffer: u16) {
        if buffer >= TO_FILL {
            self.own.push(buffer);
            return;
        }
        let entries = self.list.0.as_ptr().cast::<BufRingEntry>();
        let entry = entries.wrapping_add(usize::from(self.given % TO_FILL));
        let address = self.buffers.0.as_ptr() as u64 + u64::from(buffer) * BUFFER as u64;
        // SAFETY: the entry lies in the list, and the kernel does not read it before it is published. Its last field, which
        // in the first entry is how many were given, is not written.
        let entry = unsafe { &mut *entry };
        entry.set_addr(address);
        entry.set_len(FILLED as u32);
        entry.set_bid(buffer);
        self.given = self.given.wrapping_add(1);
    }

    /// Lets the kernel have the buffers that were given.
    fn publish(&self) {
        let entries = self.list.0.as_ptr().cast::<BufRingEntry>();
        // SAFETY: that is the list's first entry.
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: it is two bytes of the list, aligned, and both sides touch it atomically.
        unsafe { AtomicU16::from_ptr(tail.cast_mut()) }.store(self.given, Ordering::Release);
    }
}

impl Drop for Ring {
    /// Has the kernel end everything and waits for that, so that it has none of our memory and all sockets are closed.
    fn drop(&mut self) {
        let time = Timespec::from(PATIENCE);
        let _ = self.submit();
        let _ = self.ring.submitter().register_sync_cancel(Some(time), CancelBuilder::any());
        let since = std::time::Instant::now();
        self.reap();
        while self.asked > 0 && since.elapsed() < PATIENCE {
            let time = Timespec::from(Duration::from_millis(100));
            let _ = self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time));
            self.reap();
        }
        let _ = self.ring.submitter().unregister_files();
        let _ = self.ring.submitter().unregister_buf_ring(GROUP);
        if self.asked > 0 {
            tracing::error!("the kernel does not end {} requests: their memory is left to it", self.asked);
            self.buffers.leave();
            self.list.leave();
            let shape = *self.shape;
            Box::leak(core::mem::replace(&mut self.shape, Box::new(shape)));
        }
    }
}

impl Request {
    /// As the kernel gives it back with the answer.
    const fn number(self) -> u64 {
        match self {
            Self::Receive { token, file, generation } => {
                1 << 56 | (generation as u64) << 48 | (token as u64) << 32 | file as u64
            }
            Self::Send { buffer } => 2 << 56 | buffer as u64,
            Self::Wake => 3 << 56,
        }
    }

    /// What [`Request::number`] made the number of.
    const fn of(number: u64) -> Option<Self> {
        match number >> 56 {
            1 => Some(Self::Receive {
                token: (number >> 32) as u16,
                file: number as u32,
                generation: (number >> 48) as u8,
            }),
            2 => Some(Self::Send { buffer: number as u16 }),
            3 => Some(Self::Wake),
            _ => None,
        }
    }
}

/// Writes where a datagram goes; what has it sent from where it is. None where it is not in the buffer.
fn leave(bytes: &mut [u8], Leaving { file: File(file), to, len }: &Leaving) -> Option<squeue::Entry> {
    let name: &mut [u8; address::LEN] = bytes.get_mut(NAME_AT..)?.first_chunk_mut()?;
    let address_len = address::write(*to, name);
    let packet = bytes.get(PACKET_AT..)?.get(..*len)?.as_ptr();
    let send = opcode::Send::new(Fixed(*file), packet, u32::try_from(*len).ok()?)
        // What finds the socket's buffer full is dropped, as the network would.
        .flags(libc::MSG_DONTWAIT)
        .dest_addr(bytes.get(NAME_AT..)?.as_ptr().cast())
        .dest_addr_len(address_len as libc::socklen_t);
    Some(send.build())
}

/// Memory that the kernel reads and writes too, all zeros at first.
struct Memory(NonNull<u8>, Layout);

impl Memory {
    fn new(layout: Layout) -> Self {
        assert!(layout.size() > 0, "there is no memory of no bytes");
        // SAFETY: that was looked at.
        match NonNull::new(unsafe { alloc_zeroed(layout) }) {
            Some(memory) => Self(memory, layout),
            None => handle_alloc_error(layout),
        }
    }

    /// Never frees it.
    fn leave(&mut self) {
        self.1 = Layout::new::<()>();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.1.size() > 0 {
            // SAFETY: it was allocated so, and the kernel was made to let go of it.
            unsafe { dealloc(self.0.as_ptr(), self.1) };
        }
    }
}

const fn layout(bytes: usize, align: usize) -> Layout {
    match Layout::from_size_align(bytes, align) {
        Ok(layout) => layout,
        Err(_) => panic!("no such memory can be had"),
    }
}

/// A ring, with as much of what makes it fast as this kernel has.
fn made() -> io::Result<IoUring> {
    type Ask = fn(&mut Builder) -> &mut Builder;
    let ways: [Ask; 3] = [
        |ring| ring.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag(),
        |ring| ring.setup_coop_taskrun().setup_taskrun_flag(),
        |ring| ring,
    ];
    let mut last = Err(io::ErrorKind::Unsupported.into());
    for way in ways {
        last = way(IoUring::builder().setup_cqsize(ANSWERS).setup_submit_all()).build(REQUESTS);
        if !last.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EINVAL)) {
            break;
        }
    }
    last
}

/// Whether waiting came to a right end: by something, by time, or by a signal.
fn passed(waited: io::Result<usize>) -> io::Result<()> {
    match waited {
        Err(error)
            if !matches!(
                error.raw_os_error(),
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}
