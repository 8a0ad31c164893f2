//! The only `unsafe` of the crate: what neither `std` nor `socket2` offers. Batched datagrams with packet
//! info, socket options, the descriptors' limit and table, and giving freed memory back.
#![expect(unsafe_code, reason = "system calls that no safe crate of ours wraps; each block states why it is sound")]

use crate::client::{Bits, Source};
use crate::limits::{UDP_BATCH, UDP_QUERY_MAX, UDP_REPLY_MAX};
use libc::{c_int, c_uint, iovec, mmsghdr, socklen_t};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How the messages of a socket look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// An IPv6 socket, dual-stack or not.
    pub v6: bool,
    /// A wildcard socket: packet info says which address was asked, and the answer leaves from it.
    pub info: bool,
}

impl Shape {
    const fn name_length(self) -> socklen_t {
        if self.v6 { size_of::<libc::sockaddr_in6>() as socklen_t } else { size_of::<libc::sockaddr_in>() as socklen_t }
    }

    /// Octets of one packet-info message with its header.
    const fn info_length(self) -> usize {
        let data = if self.v6 { size_of::<libc::in6_pktinfo>() } else { size_of::<libc::in_pktinfo>() };
        // SAFETY: CMSG_SPACE is arithmetic on its argument.
        if self.info { unsafe { libc::CMSG_SPACE(data as c_uint) as usize } } else { 0 }
    }
}

/// Room for one query, whole cache lines.
#[repr(C, align(64))]
struct Input([u8; UDP_QUERY_MAX]);

/// Room for one answer, whole cache lines.
#[repr(C, align(64))]
struct Output([u8; UDP_REPLY_MAX]);

/// Room for one packet-info message: at most 16 octets of header and 20 of `in6_pktinfo`.
#[repr(C, align(8))]
struct Info([u8; 40]);

/// One query and its answer: the name and the packet info are those of both.
#[repr(C, align(64))]
struct Exchange {
    name: libc::sockaddr_in6,
    info: Info,
    rx_part: iovec,
    tx_part: iovec,
    input: Input,
    output: Output,
}

// An odd number of cache lines, so that the heads of a batch's buffers spread over all sets of the first-level cache
// instead of crowding into one.
const _: () = assert!(size_of::<Exchange>() / 64 % 2 == 1);

/// All buffers and headers of a batch. All-zero bytes are a valid value of every field.
#[repr(C)]
struct Memory {
    rx: [mmsghdr; UDP_BATCH],
    tx: [mmsghdr; UDP_BATCH],
    /// Copies of those of `tx` that are to be sent, where others stand between them.
    packed: [mmsghdr; UDP_BATCH],
    exchanges: [Exchange; UDP_BATCH],
}

/// Up to `UDP_BATCH` queries and their answers, in buffers that are set up once: a round of receive and send
/// writes only what the kernel changed, and of each answer its length.
pub struct Batch {
    memory: NonNull<Memory>,
    shape: Shape,
    v6: bool,
    /// Octets of packet info that each message has; 0 on a socket of one address.
    info_length: usize,
    /// The exchanges whose answers are to be sent, a bit for each.
    ready: u64,
}

const _: () = assert!(UDP_BATCH <= u64::BITS as usize);

impl Batch {
    /// Buffers for a socket of this shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let layout = Layout::new::<Memory>();
        // SAFETY: the layout has a size; zeroed bytes are a valid Memory.
        let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }.cast::<Memory>()) else {
            handle_alloc_error(layout)
        };
        let all = memory.as_ptr();
        for i in 0..UDP_BATCH {
            // SAFETY: `all` is valid and exclusively ours until `drop`; every pointer stored below points into it,
            // and it is never moved.
            unsafe {
                let one = &raw mut (*all).exchanges[i];
                (*one).rx_part = iovec { iov_base: (&raw mut (*one).input).cast(), iov_len: UDP_QUERY_MAX };
                (*one).tx_part = iovec { iov_base: (&raw mut (*one).output).cast(), iov_len: 0 };
                for (header, part) in [
                    (&raw mut (*all).rx[i].msg_hdr, &raw mut (*one).rx_part),
                    (&raw mut (*all).tx[i].msg_hdr, &raw mut (*one).tx_part),
                ] {
                    (*header).msg_iov = part;
                    (*header).msg_iovlen = 1;
                    (*header).msg_name = (&raw mut (*one).name).cast();
                    (*header).msg_namelen = shape.name_length();
                    if shape.info {
                        (*header).msg_control = (&raw mut (*one).info).cast();
                        (*header).msg_controllen = shape.info_length();
                    }
                }
            }
        }
        Self { memory, shape, v6: shape.v6, info_length: shape.info_length(), ready: 0 }
    }

    /// Takes what has arrived; with `wait` it waits for the first message as long as the socket's read timeout.
    ///
    /// # Errors
    /// `WouldBlock` when nothing came; else what the kernel says.
    #[inline]
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        self.ready = 0;
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: `rx` holds UDP_BATCH headers whose pointers are valid (see `new`); no reference into the
        // memory is alive while `self` is borrowed exclusively here.
        let count = unsafe {
            let headers = (&raw mut (*self.memory.as_ptr()).rx).cast::<mmsghdr>();
            libc::recvmmsg(socket.as_raw_fd(), headers, UDP_BATCH as c_uint, flags as _, ptr::null_mut())
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Gives the query at `index` of those received, its source (a v4-mapped address as the IPv4 address that it is) and
    /// `UDP_REPLY_MAX` octets of room to `respond`; so many octets of them are sent then, if it says so. False if the
    /// query was longer than our buffer or came without its packet info. Each index is for one call.
    #[inline(always)]
    pub fn answer(&mut self, index: usize, respond: impl FnOnce(&[u8], Source, &mut [u8]) -> Option<usize>) -> bool {
        assert!(index < UDP_BATCH);
        let all = self.memory.as_ptr();
        // SAFETY: the index is within the arrays; the kernel wrote at most `iov_len` octets of the input and an
        // address of the socket's family; nothing else refers to the memory while `self` is borrowed exclusively, and
        // what is borrowed from it here are different fields.
        unsafe {
            let header = &raw mut (*all).rx[index];
            let has_info = (*header).msg_hdr.msg_controllen == self.info_length;
            if !has_info || (*header).msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                (*header).msg_hdr.msg_controllen = self.info_length;
                return false;
            }
            let length = ((*header).msg_len as usize).min(UDP_QUERY_MAX);
            let one = &raw mut (*all).exchanges[index];
            let query = std::slice::from_raw_parts((&raw const (*one).input).cast::<u8>(), length);
            let room = &mut (*one).output.0;
            let Some(length) = respond(query, source(&raw const (*one).name, self.v6), room) else { return true };
            (*one).tx_part.iov_len = length.min(UDP_REPLY_MAX);
            if self.info_length != 0 {
                release_interface(&mut (*one).info, self.v6);
            }
        }
        self.ready |= 1 << index;
        true
    }

    /// A batch for the same kind of socket.
    #[must_use]
    pub fn alike(&self) -> Self {
        Self::new(self.shape)
    }

    /// Keeps at `place` where the query at `index` of another batch of this kind came from, and to which address.
    pub fn keep(&mut self, place: usize, from: &Self, index: usize) {
        assert!(place < UDP_BATCH && index < UDP_BATCH && self.shape == from.shape);
        let (ours, theirs) = (self.memory.as_ptr(), from.memory.as_ptr());
        // SAFETY: both are valid and not the same, the places are within their arrays, and the fields are plain octets.
        unsafe {
            let (to, from) = (&raw mut (*ours).exchanges[place], &raw const (*theirs).exchanges[index]);
            ptr::copy_nonoverlapping(&raw const (*from).name, &raw mut (*to).name, 1);
            ptr::copy_nonoverlapping(&raw const (*from).info, &raw mut (*to).info, 1);
            if self.info_length != 0 {
                release_interface(&mut (*to).info, self.v6);
            }
        }
    }

    /// Makes a reply ready to whoever is kept at `place`; one that is longer than any reply is not sent.
    pub fn put(&mut self, place: usize, reply: &[u8]) {
        assert!(place < UDP_BATCH);
        if reply.len() > UDP_REPLY_MAX {
            return;
        }
        // SAFETY: the place is within the array, and nothing else refers to the memory.
        unsafe {
            let one = &raw mut (*self.memory.as_ptr()).exchanges[place];
            let room = &mut (*one).output.0;
            room[..reply.len()].copy_from_slice(reply);
            (*one).tx_part.iov_len = reply.len();
        }
        self.ready |= 1 << place;
    }

    /// Sends what is ready; gives the number of answers that the kernel did not take. A full send buffer is waited for
    /// once and briefly; an answer that cannot be sent at all (no route, forbidden) is left out.
    #[inline]
    pub fn send(&mut self, socket: &UdpSocket) -> usize {
        let ready = std::mem::take(&mut self.ready);
        let (headers, count) = (self.headers(ready), ready.count_ones() as usize);
        let (mut at, mut failed, mut waited) = (0, 0, false);
        while at < count {
            // SAFETY: at < count ≤ UDP_BATCH headers, set up by `new` or copied from there.
            let sent = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), headers.add(at), (count - at) as c_uint, libc::MSG_DONTWAIT as _)
            };
            if let Ok(sent) = usize::try_from(sent) {
                at += sent;
                continue;
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) if !waited => {
                    waited = true;
                    wait_writable(socket.as_raw_fd(), 5);
                }
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => {
                    failed += count - at;
                    break;
                }
                _ => (at, failed) = (at + 1, failed + 1),
            }
        }
        failed
    }

    /// The headers of the answers that are ready, one behind the other.
    #[inline]
    fn headers(&mut self, ready: u64) -> *mut mmsghdr {
        let all = self.memory.as_ptr();
        if ready & ready.wrapping_add(1) == 0 {
            // All of the first so many: they stand so.
            // SAFETY: a place within valid memory.
            return unsafe { (&raw mut (*all).tx).cast() };
        }
        let those = (0..UDP_BATCH).filter(|index| ready >> index & 1 == 1);
        for (place, index) in those.enumerate() {
            // SAFETY: both are within the arrays, and nothing else refers to the memory.
            unsafe { (*all).packed[place] = (*all).tx[index] };
        }
        // SAFETY: as above.
        unsafe { (&raw mut (*all).packed).cast() }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout; nothing in it needs dropping.
        unsafe { dealloc(self.memory.as_ptr().cast(), Layout::new::<Memory>()) }
    }
}

/// Reads the address that the kernel wrote.
///
/// # Safety
/// `name` points to a `sockaddr_in6` if `v6`, else to a `sockaddr_in`, both within valid memory.
#[inline(always)]
unsafe fn source(name: *const libc::sockaddr_in6, v6: bool) -> Source {
    if !v6 {
        // SAFETY: the caller's promise; sockaddr_in is smaller and no more aligned than sockaddr_in6.
        let name = unsafe { &*name.cast::<libc::sockaddr_in>() };
        return Source { address: Bits::v4(u32::from_be(name.sin_addr.s_addr)), port: u16::from_be(name.sin_port) };
    }
    // SAFETY: the caller's promise.
    let name = unsafe { &*name };
    let address = u128::from_be_bytes(name.sin6_addr.s6_addr);
    let mapped = address >> 32 == 0xffff;
    let address = if mapped { Bits::v4(address as u32) } else { Bits::v6(address) };
    Source { address, port: u16::from_be(name.sin6_port) }
}

/// Turns the packet info of a query into that of its answer: the address stays, the interface is left to the
/// routing table (the way back may be another one), except where a link-local address needs it.
#[inline]
fn release_interface(info: &mut Info, v6: bool) {
    // The data begin behind the 16 octets of cmsghdr: in6_pktinfo is { address[16], index[4] }, in_pktinfo
    // { index[4], source[4], destination[4] }.
    if !v6 {
        info.0[16..20].fill(0);
    } else if !(info.0[16] == 0xfe && info.0[17] & 0xc0 == 0x80) {
        info.0[32..36].fill(0);
    }
}

fn wait_writable(socket: RawFd, milliseconds: c_int) {
    let mut poll = libc::pollfd { fd: socket, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid pollfd. Its result does not matter: the caller tries again once.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
}

fn set_option(socket: &impl AsRawFd, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: `value` is a valid c_int for the length given.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size_of::<c_int>() as socklen_t)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks the kernel for what this shape needs: packet info on wildcard sockets, and no path-MTU discovery (answers
/// fit every path that IPv6 allows; forged "too big" messages must not make them fragment).
///
/// # Errors
/// Packet info is refused.
pub fn set_shape(socket: &impl AsRawFd, shape: Shape) -> io::Result<()> {
    if shape.v6 {
        let _unsupported = set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT);
    }
    // On an IPv6 socket this one governs its IPv4 traffic.
    let _unsupported = set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT);
    match shape {
        Shape { info: false, .. } => Ok(()),
        Shape { v6: true, .. } => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
        Shape { v6: false, .. } => set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
    }
}

/// Asks for socket buffers of these sizes: beyond the system's limit if we may, else up to it.
pub fn set_buffers(socket: &impl AsRawFd, receive: c_int, send: c_int) {
    for (force, plain, size) in
        [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send)]
    {
        if set_option(socket, libc::SOL_SOCKET, force, size).is_err() {
            let _smaller = set_option(socket, libc::SOL_SOCKET, plain, size);
        }
    }
}

/// Asks the kernel to hand over a connection only once its client has sent something, or after about this long:
/// who connects and says nothing costs us no descriptor. Where the system cannot do that, it hands over at once.
pub fn defer_accept(socket: &impl AsRawFd, seconds: c_int) {
    #[cfg(target_os = "linux")]
    let _unsupported = set_option(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds);
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, seconds);
}

/// Asks the scheduler for short slices for the calling thread: it is preferred when it wakes up. Linux before 6.12
/// takes no notice, other systems have no such thing.
pub fn prefer_this_thread() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: all zero is a valid `sched_attr`: an ordinary thread. It is read by the call, with its own size.
        unsafe {
            let mut wanted: libc::sched_attr = std::mem::zeroed();
            wanted.size = size_of::<libc::sched_attr>() as u32;
            if libc::syscall(libc::SYS_sched_getattr, 0, &raw mut wanted, wanted.size, 0) == 0 {
                wanted.sched_runtime = crate::limits::ANSWERING_SLICE_NS;
                let _as_before = libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0);
            }
        }
    }
}

/// Registers a listener with the runtime that this is called in.
///
/// # Errors
/// The system has no room for another registration.
pub fn watch(listener: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    // SAFETY: the listener owns its descriptor and stays inside the `AsyncFd`, which gives out shared references only.
    Ok(unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?)
}

/// Makes the kernel's table of this process's descriptors long enough for `count` of them now: when it has to grow,
/// a process of several threads waits for milliseconds, and clients would wait with it.
pub fn make_room_for_descriptors(open: &impl AsRawFd, count: usize) {
    let lowest = c_int::try_from(count).unwrap_or(c_int::MAX);
    // SAFETY: the first call takes numbers only; what it gives is a descriptor of our own, closed once.
    unsafe {
        let high = libc::fcntl(open.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest);
        // Beyond the limit nothing is made: the table grows later, as it may.
        if high >= 0 {
            libc::close(high);
        }
    }
}

/// Takes over descriptors that were passed to this process by their numbers, as a service manager does. Once: a second call
/// gets nothing.
#[must_use]
pub fn take_passed(numbers: impl Iterator<Item = RawFd>) -> Vec<OwnedFd> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    // SAFETY: they were open when the process started, by the word of who started it, nothing else of ours knows them, and
    // nobody gets them twice.
    numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect()
}

/// True if the system ran out of descriptors or memory: a shortage that passes.
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// True if the machine does not speak the address family, or has no address of it.
#[must_use]
pub fn lacks_family(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// Raises the soft limit on descriptors to the hard one; gives the limit that holds then.
#[must_use]
pub fn raise_descriptor_limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing, then for reading.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 1024;
        }
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if limit.rlim_cur < limit.rlim_max && libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) == 0 {
            limit = raised;
        }
    }
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// A write to a pipe that nobody reads ends this process without a word, as it ends other programs; sockets are not
/// concerned, since `std` asks for no signal there. For the verbs that print, not for the server.
pub fn end_on_closed_pipe() {
    // SAFETY: the default action is no function of ours, and no other thread runs yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Keeps the allocator from spreading over many arenas, each with its own waste, while threads load in parallel.
/// Call it before the first thread.
pub fn limit_arenas() {
    // SAFETY: sets a number inside the allocator.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives memory that was freed back to the system: after a load, most of what it took.
pub fn give_memory_back() {
    // SAFETY: has no preconditions.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
