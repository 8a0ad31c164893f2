//! Every bound and every default in one place. A number that a stranger can push against, or that a
//! file may leave out, is written here once, with its unit and its source.

/// Longest name in wire form, in octets (RFC 1035 §3.1).
pub const NAME_MAX: usize = 255;
/// Longest label, in octets (RFC 1035 §3.1).
pub const LABEL_MAX: usize = 63;
/// Most labels a name can have without the root: 127 of one octet each.
pub const LABELS_MAX: usize = 127;
/// Largest reply over UDP, in octets, whatever the client offers (DNS flag day 2020).
pub const UDP_REPLY_MAX: usize = 1232;
/// Smallest reply size that every client takes over UDP (RFC 1035 §4.2.1, RFC 6891 §6.2.3).
pub const UDP_REPLY_MIN: usize = 512;
/// Largest message over a stream, in octets (two octets of length).
pub const STREAM_REPLY_MAX: usize = 65_535;
/// Longest chain of CNAME and DNAME records followed inside static data.
pub const CHAIN_MAX: usize = 16;
/// Octets that the layouts of views by IPv4 address may take in all; further views are walked bit by bit.
pub const VIEWS_SIZE: usize = 8 << 20;
/// Most pools that balance by `hash` for which it is written down who wins which place, 16 KiB for a pool or twice that
/// while its families differ; in a configuration with more it is found out per query.
pub const HASHES_WRITTEN_DOWN: usize = 1_024;
/// The same for pools that balance by `nearest`: 4 KiB for each choice among equally near members, shared by up to 64
/// rows of clients.
pub const TIES_WRITTEN_DOWN: usize = 1_024;
/// Most addresses in one balanced answer.
pub const ANSWERS_MAX: u8 = 16;
/// Most addresses that `balance = "all"` gives in one answer, and its default.
pub const ANSWERS_ALL: u8 = 8;
/// Addresses in one balanced answer unless a pool says otherwise.
pub const ANSWERS: u8 = 1;

/// TTL of balanced names, seconds.
pub const TTL_BALANCED: u32 = 30;
/// TTL of NS, SOA and static records that bring none, seconds.
pub const TTL_STATIC: u32 = 3_600;
/// TTL of negative answers (SOA minimum), seconds (RFC 2308 §5).
pub const TTL_NEGATIVE: u32 = 30;
/// Largest TTL, seconds (RFC 8767 §4 advises a week as the cap; RFC 2181 §8 allows 2³¹ − 1).
pub const TTL_MAX: u32 = 604_800;
/// The floor of a computed TTL unless `ttl / 2` is larger, seconds.
pub const TTL_FLOOR: u32 = 5;
/// SOA refresh, seconds.
pub const SOA_REFRESH: u32 = 3_600;
/// SOA retry, seconds.
pub const SOA_RETRY: u32 = 600;
/// SOA expire, seconds.
pub const SOA_EXPIRE: u32 = 604_800;

/// Time between probes of one target, milliseconds.
pub const INTERVAL_MS: u32 = 10_000;
/// Shortest interval of a check, milliseconds.
pub const INTERVAL_MIN_MS: u32 = 1_000;
/// Longest interval of a check, milliseconds.
pub const INTERVAL_MAX_MS: u32 = 3_600_000;
/// Time one probe may take, milliseconds.
pub const TIMEOUT_MS: u32 = 2_000;
/// Shortest time that one probe may take, milliseconds.
pub const TIMEOUT_MIN_MS: u32 = 100;
/// Failures before an endpoint is down.
pub const FALL: u8 = 3;
/// Successes in a row before an endpoint is up.
pub const RISE: u8 = 2;
/// Successes in a row that wipe the memory of a failure.
pub const FORGET: u8 = 10;
/// The window in which a target's changes are counted, milliseconds; they are counted only if `flap_limit` is set.
pub const FLAP_WINDOW_MS: u32 = 600_000;
/// Longest such window, milliseconds.
pub const FLAP_WINDOW_MAX_MS: u32 = 86_400_000;
/// Most changes that `flap_limit` can allow in a window: so many times are remembered for each target.
pub const FLAP_LIMIT_MAX: u8 = 50;
/// How long a target that changes too often is held down at first, milliseconds; doubled each time in a row.
pub const FLAP_HOLD_MS: u64 = 60_000;
/// The longest that such a target is held down before a probe decides, milliseconds.
pub const FLAP_HOLD_MAX_MS: u64 = 3_600_000;
/// Percent of the sites that must be exceeded for the blast guard to go up.
pub const GUARD_SHARE: u8 = 50;
/// Fewest sites that are up for a blast guard.
pub const GUARD_SITES: u32 = 4;
/// Longest time for which the blast guard holds failures, milliseconds.
pub const GUARD_HOLD_MS: u32 = 60_000;
/// Longest such time that can be set, milliseconds.
pub const GUARD_HOLD_MAX_MS: u32 = 3_600_000;
/// Most canaries of the blast guard.
pub const CANARIES_MAX: usize = 8;
/// Time between probes of a canary, milliseconds: with its timeout as long as the quickest check with the usual `fall`
/// needs to take an endpoint down.
pub const CANARY_INTERVAL_MS: u32 = 1_000;
/// Time that a probe of a canary may take, milliseconds.
pub const CANARY_TIMEOUT_MS: u32 = 1_000;
/// Failures before a canary is shown as down; the guard looks at its last probe alone.
pub const CANARY_FALL: u8 = 3;
/// Successes before a canary is shown as up.
pub const CANARY_RISE: u8 = 1;
/// Steps in which the weight of a recovered endpoint grows to its own.
pub const RAMP_STEPS: u8 = 10;
/// The weight of the largest room among pools that take the clients of a site that is gone.
pub const ROOM_PARTS: u32 = 100_000;
/// The weight of a pool where a row picks by load, as long as nothing is known of it; a tenth of it is the least, ten
/// times it the most.
pub const PART_AVERAGE: u32 = 1_000;
/// Longest `slow_start` and `failback_delay`, milliseconds.
pub const COMEBACK_MAX_MS: u64 = 86_400_000;
/// Bytes of a probe's response body that are read.
pub const PROBE_BODY_MAX: usize = 65_536;
/// Bytes that an HTTP probe asks its connection for at a time; the head of a response must fit into it.
pub const PROBE_BUFFER: usize = 16 << 10;
/// Bytes of a response's headers over HTTP/2.
pub const PROBE_HEADERS_MAX: usize = 16 << 10;
/// The header of a load report unless a pool names another (ORCA, xDS).
pub const LOAD_HEADER: &str = "endpoint-load-metrics";
/// A reported load is believed for so many intervals of its check, unless a pool says for how long.
pub const LOAD_STALE_INTERVALS: u32 = 3;
/// Longest time for which a reported load can be believed, milliseconds.
pub const LOAD_STALE_MAX_MS: u32 = 86_400_000;
/// Characters that a probe's note takes over from what an endpoint said.
pub const PROBE_NOTE_PART: usize = 160;
/// Programs of `exec` checks that run at the same time; more wait for one to end before their own time begins.
pub const PROGRAMS_AT_ONCE: usize = 32;
/// Bytes that the program of an `exec` check may write; past it the program is ended.
pub const PROGRAM_OUTPUT_MAX: usize = 16 << 10;
/// Time that the output of a program may end after the program itself, milliseconds.
pub const PROGRAM_GRACE_MS: u64 = 50;
/// Largest file of a `push` check, bytes.
pub const PUSH_FILE_MAX: usize = 4 << 10;
/// Files of `push` checks that are read at the same time, as long as files are read quickly.
pub const PUSH_READERS: usize = 2;
/// A file that waits so long for its turn, because others hang, is read all the same, milliseconds.
pub const PUSH_READER_PATIENCE_MS: u64 = 20;
/// Shortest time after which a pushed state expires, milliseconds.
pub const PUSH_EXPIRES_MIN_MS: u64 = 1_000;
/// Longest time after which a pushed state expires, milliseconds.
pub const PUSH_EXPIRES_MAX_MS: u64 = 604_800_000;
/// Largest PEM file of a client certificate or key, bytes.
pub const PEM_MAX: u64 = 256 << 10;
/// A long-dead target is probed at most this many times more slowly.
pub const SLOWDOWN_MAX: u32 = 6;
/// First probes of new targets that start at once.
pub const FIRST_PROBES_AT_ONCE: u64 = 256;
/// First probes of new targets that start per second beyond those: about a third of a core.
pub const FIRST_PROBES_PER_SECOND: u64 = 2_000;
/// Probes under way at the same time; what is due beyond waits for one to end.
pub const PROBES_AT_ONCE: usize = 8_192;
/// Probes start, and their ends are taken, at multiples of this, milliseconds: those that share a step share the waking up
/// of the prober, and of who receives their outcomes.
pub const PROBE_STEP_MS: u64 = 10;
/// Bytes of a TCP endpoint's answer among which the expected text must stand.
pub const TCP_EXPECT_MAX: usize = 4 << 10;
/// Longest text that a TCP check sends or expects, octets.
pub const TCP_TEXT_MAX: usize = 1_024;
/// Most pools that one pool can depend on.
pub const DEPENDS_MAX: usize = 16;
/// Targets that are told of by themselves when they go stale; with more of them at a time there is one summary.
pub const STALE_TOLD: usize = 8;
/// Targets are found to be stale at multiples of this, milliseconds: those that go stale together are told of together.
pub const STALE_STEP_MS: u64 = 1_000;
/// Probe jitter, in percent of the interval to either side.
pub const JITTER_PERCENT: u32 = 5;

/// Longest client-subnet scope for IPv4, bits.
pub const SCOPE_V4: u8 = 24;
/// Longest client-subnet scope for IPv6, bits.
pub const SCOPE_V6: u8 = 56;
/// Block that `balance = "hash"` keys on, IPv4, bits.
pub const HASH_V4: u8 = 24;
/// Block that `balance = "hash"` keys on, IPv6, bits.
pub const HASH_V6: u8 = 56;
/// Block that sticky pool choices (splits, near ties) key on, IPv4, bits.
pub const SPLIT_V4: u8 = 16;
/// Block that sticky pool choices (splits, near ties) key on, IPv6, bits.
pub const SPLIT_V6: u8 = 32;
/// Places kept of an order of nearness.
pub const NEAREST_KEPT: usize = 3;
/// Places within this many percent of the nearest share the clients.
pub const NEAREST_TIE_PERCENT: u32 = 5;

/// Largest weight of an endpoint or of a split's part.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// Longest sequence of a weighted round-robin, in answers; longer for pools of more than half as many members. What
/// the weights ask for beyond is rounded to it.
pub const SMOOTH_SEQUENCE: usize = 1_024;
/// Most octets that `alpn` and `port` of an HTTPS or SVCB record take in wire form.
pub const SERVICE_PARAMS_MAX: usize = 256;
/// Most octets of an endpoint's `text` in wire form.
pub const TEXT_MAX: usize = 1_024;
/// Most endpoints in one pool.
pub const POOL_ENDPOINTS_MAX: usize = 4_096;
/// Largest zone TOML or included file, bytes.
pub const FILE_MAX: u64 = 256 << 20;
/// Largest .mmdb, bytes.
pub const MMDB_MAX: u64 = 2 << 30;

/// Ports that are not answered: 0 is none, and services on the others answer whatever they get (echo, daytime, quote of
/// the day, chargen, time), so that a forged packet could have them and us talk for ever.
pub const PORTS_UNANSWERED: [u16; 6] = [0, 7, 13, 17, 19, 37];
/// Messages taken from a UDP socket in one system call.
pub const UDP_BATCH: usize = 64;
/// Largest UDP query that is read, octets: 33 cache lines. Longer ones are dropped.
pub const UDP_QUERY_MAX: usize = 2_112;
/// UDP receive buffer asked for, bytes: what arrives while a thread is not running.
pub const UDP_RECEIVE_BUFFER: usize = 4 << 20;
/// UDP send buffer asked for, bytes.
pub const UDP_SEND_BUFFER: usize = 1 << 20;
/// An idle UDP thread looks up this often, milliseconds, to see that it should stop.
pub const UDP_WAKE_MS: u64 = 100;
/// What a thread that answers asks the scheduler for at a time, nanoseconds: as short as it grants, since the shorter
/// slice goes first when both want the core.
pub const ANSWERING_SLICE_NS: u64 = 100_000;
/// Steps by which threads that do not answer are nicer than the process.
pub const BACKGROUND_NICE: i32 = 10;
/// Replies with an answer that a block of addresses (or one of its client subnets) gets a second, where replies are limited.
pub const RRL_RESPONSES: u32 = 200;
/// The same of referrals, by zone.
pub const RRL_REFERRALS: u32 = 100;
/// The same of replies that the name has nothing of the type, by zone.
pub const RRL_NODATA: u32 = 100;
/// The same of replies that the name does not exist, by zone.
pub const RRL_NXDOMAINS: u32 = 50;
/// The same of errors.
pub const RRL_ERRORS: u32 = 20;
/// The same of all replies together.
pub const RRL_ALL: u32 = 10_000;
/// Largest limit that can be set, replies a second.
pub const RRL_MAX: u32 = 1_000_000;
/// Of the replies over a limit each so-manieth is sent with TC.
pub const RRL_SLIP: u8 = 2;
/// Largest such number: more replies than this in a row are never dropped in silence.
pub const RRL_SLIP_MAX: u8 = 10;
/// Block that is limited as one, IPv4, bits.
pub const RRL_PREFIX_V4: u8 = 24;
/// Block that is limited as one, IPv6, bits.
pub const RRL_PREFIX_V6: u8 = 56;
/// Buckets of the table, 8 octets each: room for what a million forged addresses a second keep busy.
pub const RRL_TABLE: usize = 1 << 17;
/// Fewest buckets that can be set.
pub const RRL_TABLE_MIN: usize = 1 << 10;
/// Most buckets that can be set, 128 MiB.
pub const RRL_TABLE_MAX: usize = 1 << 24;
/// Blocks that are listed as limited at a time; the replies of more are only counted.
pub const RRL_HELD: usize = 512;
/// A block counts as limited until no reply of it was over the limit for this long, milliseconds.
pub const RRL_HELD_MS: u64 = 10_000;
/// Blocks that `geosteer status` lists as limited.
pub const RRL_SHOWN: usize = 20;
/// Beginnings of limits that are told one by one in a minute; of more there is one summary.
pub const RRL_TOLD: u32 = 10;

/// The server makes itself a new secret for cookies this often, seconds (RFC 7873 §7.1 allows 36 days).
pub const COOKIE_SECRET_S: u64 = 86_400;
/// Largest file with secrets for cookies, bytes.
pub const COOKIE_FILE_MAX: usize = 4_096;

/// TCP connections in all.
pub const TCP_CONNECTIONS: usize = 4_096;
/// TCP connections of one client (IPv4 address or IPv6 /64).
pub const TCP_CONNECTIONS_CLIENT: usize = 256;
/// A TCP connection without a query is closed after this long, milliseconds (RFC 7766 §6.2.3).
pub const TCP_IDLE_MS: u64 = 10_000;
/// A message must be complete this long after its first byte, milliseconds.
pub const TCP_MESSAGE_MS: u64 = 3_000;
/// Replies a TCP client may leave unread, bytes; past it its connection is read no further.
pub const TCP_UNREAD_MAX: usize = 128 << 10;
/// A TCP client must have taken our replies this long after they stopped fitting, milliseconds.
pub const TCP_WRITE_MS: u64 = 5_000;
/// TCP connections that are accepted and answered before those ahead of them are registered with the runtime.
pub const TCP_AHEAD: usize = 512;
/// TCP connections that are registered with the runtime between two looks at the kernel's queue.
pub const TCP_SETTLED: usize = 16;
/// Bytes read from a TCP connection at a time, before others have their turn.
pub const TCP_READ: usize = 16 << 10;
/// Bytes of replies gathered before they are written.
pub const TCP_WRITE: usize = 16 << 10;
/// TCP connections that the kernel keeps for us to accept.
pub const TCP_BACKLOG: i32 = 4_096;
/// A TCP client that connects and sends nothing is left to the kernel this long, seconds; what it costs there is a
/// few hundred octets, and SYN cookies bound how many there can be.
pub const TCP_DEFER_SECONDS: i32 = 3;
/// Connections over TLS and HTTPS in all, and again over QUIC.
pub const ENCRYPTED_CONNECTIONS: usize = 4_096;
/// Of those the ones of one client (IPv4 address or IPv6 /64).
pub const ENCRYPTED_CONNECTIONS_CLIENT: usize = 256;
/// Connections besides that have not said yet what they want: their PROXY header or ClientHello is not whole. For one more one
/// of them makes room.
pub const GREETINGS: usize = 4_096;
/// Of those the ones of one client.
pub const GREETINGS_CLIENT: usize = 128;
/// Octets that such a connection may send: a PROXY header, and a ClientHello, of which all is kept until it is whole.
pub const GREETING_MAX: usize = 16 << 10;
/// So many of the oldest of them are looked at for the one that makes room: it is one of the client that has most.
pub const GREETINGS_COMPARED: usize = 16;
/// Connections besides whose ClientHello is whole and whose handshake is not over, and again over QUIC; for one more the oldest
/// of them makes room.
pub const HANDSHAKES: usize = 1_024;
/// Of those the ones of one client.
pub const HANDSHAKES_CLIENT: usize = 128;
/// A PROXY header and a handshake must be over this long after a connection was accepted, milliseconds.
pub const HANDSHAKE_MS: u64 = 3_000;
/// An encrypted connection without a query is closed after this long, milliseconds.
pub const ENCRYPTED_IDLE_MS: u64 = 30_000;
/// Encrypted connections that are accepted before the first of them have their turn.
pub const ENCRYPTED_AHEAD: usize = 64;
/// Octets that one encrypted connection may bring before others have their turn.
pub const ENCRYPTED_TURN: usize = 16 << 10;
/// Requests of one HTTP/2 connection, or queries of one QUIC connection, at a time.
pub const STREAMS: u32 = 32;
/// Bodies of HTTP requests, and again queries over QUIC, that wait at a time, for what is missing of them or for their client
/// to take replies; for one more the oldest of them is given up.
pub const BODIES: usize = 1_024;
/// Of those the ones of one client.
pub const BODIES_CLIENT: usize = 128;
/// Largest head of an HTTP request, octets; a GET's query is part of it.
pub const HTTPS_HEAD_MAX: usize = 16 << 10;
/// Most headers of an HTTP request.
pub const HTTPS_HEADERS_MAX: usize = 64;
/// Octets of a reply that are handed to HTTP at a time, as far as the client takes them.
pub const HTTPS_PART: usize = 4 << 10;
/// Requests over HTTPS or QUIC that a client may take back before they are answered (over QUIC, or not take the reply of), on one
/// connection and beyond those that were answered.
pub const RESETS: usize = 64;
/// Unfinished handshakes of QUIC from which on a client must first show that it is where it says.
pub const QUIC_RETRY_FROM: usize = 64;
/// Blocks that padded replies are made of, octets (RFC 8467 §4.1).
pub const PADDING_BLOCK: usize = 468;
/// Longest PROXY header that is read, octets: addresses, and what else a front end tells.
pub const PROXY_HEADER_MAX: usize = 1_024;
/// Descriptors left to everything but TCP clients when the system's limit is low.
pub const DESCRIPTORS_RESERVED: usize = 40;
/// Time that stopping leaves for replies in flight, milliseconds.
pub const DRAIN_MS: u64 = 1_000;
/// The longest pause before a thread that panics again and again is started again, milliseconds.
pub const RESTART_PAUSE_MAX_MS: u64 = 20;
/// A thread that has worked for so long since its last panic is started again without a pause, milliseconds.
pub const RESTART_CALM_MS: u64 = 1_000;
/// Sockets that are passed on in one message; Linux takes 253.
pub const SOCKETS_AT_ONCE: usize = 64;
/// Time that the next server has to load and check everything before it takes over, milliseconds.
pub const UPGRADE_LOAD_MS: u64 = 600_000;
/// Time that each side has for a step while one server takes over from another, milliseconds; meanwhile both answer.
pub const UPGRADE_START_MS: u64 = 60_000;
/// Time that the TCP clients of a server that was taken over from have to end by themselves, milliseconds.
pub const UPGRADE_LEAVE_MS: u64 = 15_000;
/// New states are published at most this often, milliseconds.
pub const PUBLISH_MS: u64 = 10;
/// Octets of log lines that wait to be written; lines beyond are lost, and counted.
pub const LOG_WAITING_MAX: usize = 4 << 20;
/// Log lines are written at most this often, milliseconds.
pub const LOG_BEAT_MS: u64 = 10;
/// Time that a stop leaves for log lines that wait, milliseconds.
pub const LOG_LAST_MS: u64 = 1_000;
/// Time beyond the longest probe timeout after which a first round counts as over, milliseconds.
pub const FIRST_ROUND_SLACK_MS: u64 = 250;

/// Most overrides that operators can have in force.
pub const OVERRIDES_MAX: usize = 1_024;
/// Longest target of an override, octets.
pub const TARGET_MAX: usize = 256;
/// Longest owner of an override, octets.
pub const OWNER_MAX: usize = 64;
/// Longest reason of an override, octets.
pub const REASON_MAX: usize = 512;
/// Most targets of one `resume`.
pub const RESUME_TARGETS_MAX: usize = 64;
/// Longest time for which an override can be set, seconds.
pub const OVERRIDE_FOR_MAX_S: u64 = 366 * 86_400;
/// Steps in which a gradual override goes to its end, each of at least a second.
pub const GRADUAL_STEPS: u64 = 100;
/// Longest time over which an override goes to its end, seconds.
pub const GRADUAL_MAX_S: u64 = 30 * 86_400;
/// Added to the moment from which a closed endpoint is out of all answers, seconds: replies on their way, and the
/// parts of a second that times in whole seconds leave out.
pub const CLOSED_SLACK_S: u64 = 2;
/// Most balanced names that `[metrics] names` counts by themselves; the others are counted together.
pub const METRICS_NAMES: usize = 1_000;
/// Entries that each thread that answers can leave to the writer of the query log; more are dropped and counted.
pub const QUERY_LOG_RING: usize = 4_096;
/// Entries that the writer of the query log takes from one thread before the next one's turn, and writes at a time.
pub const QUERY_LOG_BATCH: usize = 256;
/// The writer of the query log looks for entries this often while there are none, milliseconds; it is woken before when
/// a thread's entries are a quarter of what it can leave.
pub const QUERY_LOG_PAUSE_MS: u64 = 100;
/// Events kept in memory; the oldest go first.
pub const EVENTS_KEPT: usize = 1_024;
/// Events in one reply of the control socket.
pub const EVENTS_REPLY: usize = 256;
/// Longest reason of an event, octets.
pub const EVENT_REASON_MAX: usize = 256;
/// Longest request on the control socket, octets.
pub const CONTROL_REQUEST_MAX: usize = 16 << 10;
/// Longest reply of the control socket that a client reads, octets.
pub const CONTROL_REPLY_MAX: u64 = 256 << 20;
/// Connections to the control socket at a time; one more waits until one of them ends.
pub const CONTROL_CONNECTIONS: usize = 16;
/// Time for a request on the control socket to come in, and for its reply to be taken, milliseconds.
pub const CONTROL_MS: u64 = 5_000;
/// Reloads that can wait for one that runs; all of them are one reload.
pub const RELOADS_WAITING: usize = 16;
/// Time that `geosteer reload` waits for the server's answer, milliseconds: a large configuration, then first probes.
pub const RELOAD_MS: u64 = 600_000;
/// Files that are watched must be quiet for so long before they are read again, milliseconds.
pub const WATCH_DEBOUNCE_MS: u64 = 500;
/// Shortest such time that can be set, milliseconds.
pub const WATCH_DEBOUNCE_MIN_MS: u64 = 100;
/// Longest such time that can be set, milliseconds.
pub const WATCH_DEBOUNCE_MAX_MS: u64 = 60_000;
/// Files that are watched and were refused are read again after so long, milliseconds: what they name may be there now.
pub const WATCH_AGAIN_MS: u64 = 30_000;
/// Looking at files that are watched takes at most one part in so many of the time.
pub const WATCH_WORK: u32 = 100;
/// Time that `geosteer doctor` waits for one answer, milliseconds.
pub const DOCTOR_MS: u64 = 2_000;
/// Zones that `geosteer doctor` asks for.
pub const DOCTOR_ZONES: usize = 20;
/// Days after which `geosteer doctor` calls a geographic database old.
pub const DOCTOR_DATABASE_DAYS: u64 = 41;
/// Days that the certificate of `[tls]` must last yet, or `check` and `doctor` warn.
pub const CERTIFICATE_DAYS: i64 = 14;
/// Open files below which `geosteer doctor` warns.
pub const DOCTOR_DESCRIPTORS: u64 = 8_192;
/// Changes that a reload lists; more are only counted.
pub const CHANGES_SHOWN: usize = 1_000;
/// Time that the writer has to carry out an order, milliseconds.
pub const ORDER_MS: u64 = 5_000;
/// Requests of the admin server that wait at the desk; one more is told so.
pub const CONTROL_QUEUE: usize = 32;
/// Health is saved this often after a change, seconds.
pub const SAVE_CHANGED_S: u64 = 2;
/// Health is saved this often without a change, seconds, or once in the shortest interval if that is less: what is too
/// old at a start is not believed.
pub const SAVE_S: u64 = 10;
/// Health is saved no more often than every so many times of what the last save took: saving has 5 % of one core at most.
pub const SAVE_COST: u64 = 20;
/// How deep in the state directory files of root are given to the server's user.
pub const STATE_DEPTH: u8 = 4;
/// Largest file of the state directory that is read, bytes.
pub const STATE_FILE_MAX: u64 = 256 << 20;

/// Events in one request of the webhook.
pub const WEBHOOK_BATCH: usize = 64;
/// Tries of one request before its events are dropped: about ten minutes.
pub const WEBHOOK_TRIES: u32 = 15;
/// The pause before the second try, milliseconds; it doubles with each further one.
pub const WEBHOOK_PAUSE_MS: u64 = 1_000;
/// The longest pause between two tries, milliseconds.
pub const WEBHOOK_PAUSE_MAX_MS: u64 = 60_000;
/// Time for one request, milliseconds.
pub const WEBHOOK_TIMEOUT_MS: u64 = 10_000;
/// Most octets of the file with the key of its signature.
pub const WEBHOOK_SECRET_MAX: usize = 4_096;

/// Servers of a fleet.
pub const FLEET_SERVERS: usize = 64;
/// A server of the fleet that takes no connection within this time is not there, milliseconds.
pub const FLEET_CONNECT_MS: u64 = 3_000;
/// Time that a server of the fleet has for one order, milliseconds: what the desk may take, twice.
pub const FLEET_MS: u64 = 20_000;
/// Longest reply of a server of the fleet, octets.
pub const FLEET_REPLY_MAX: u64 = 16 << 20;

/// Connections to the admin server at a time; for one more the one that has been idle for longest makes room.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Time for the head of a request to the admin server to come in, and again for its body, milliseconds.
pub const ADMIN_REQUEST_MS: u64 = 5_000;
/// Largest body of a request to the admin server, octets.
pub const ADMIN_BODY_MAX: usize = 1 << 20;
/// Largest head of a request to the admin server, octets.
pub const ADMIN_HEAD_MAX: usize = 16 << 10;
/// Most headers of a request to the admin server.
pub const ADMIN_HEADERS_MAX: usize = 64;
/// A connection to the admin server ends after this long, milliseconds, whatever it does.
pub const ADMIN_CONNECTION_MS: u64 = 900_000;
/// Simulations and comparisons of the admin server that wait for the one that is worked out.
pub const ADMIN_TURNS_WAITING: usize = 4;
/// The longest that they wait, milliseconds.
pub const ADMIN_TURN_MS: u64 = 10_000;
/// Most cells (place and profile, 24 octets) that are kept from one simulation to the next: 24 MiB.
pub const ADMIN_COUNTED_CELLS: usize = 1 << 20;
/// Streams of events at a time.
pub const ADMIN_STREAMS: usize = 16;
/// A stream of events ends after this long, seconds: its client asks again, and says what it has seen.
pub const ADMIN_STREAM_S: u64 = 600;
/// A stream of events without news says so this often, seconds.
pub const ADMIN_STREAM_BEAT_S: u64 = 15;
/// Shortest token of the admin server, octets.
pub const ADMIN_TOKEN_MIN: usize = 16;
/// Longest file with the token of the admin server, octets.
pub const ADMIN_TOKEN_MAX: usize = 4_096;

/// Longest string in a TXT record, octets (RFC 1035 §3.3).
pub const TXT_STRING_MAX: usize = 255;
/// Most strings of an explanation over DNS: what does not fit into a UDP reply is asked for again over TCP.
pub const EXPLAIN_STRINGS: usize = 32;

/// Within this time a service manager has closed sockets that it has been told to let go of, milliseconds: they stand in the
/// way of what is listened at now.
pub const INHERITED_CLOSE_MS: u64 = 5_000;

/// Tries of a question to a UDP socket of our own before it counts as silent.
pub const SERVING_TRIES: u32 = 3;
/// Time for one try, and for each step over TCP, milliseconds.
pub const SERVING_TIMEOUT_MS: u64 = 500;
/// Datagrams that are looked at in one try: what answers another question is passed over.
pub const SERVING_REPLIES: u32 = 4;
/// A server that cannot ask itself says so after this many rounds of tries, and goes on trying.
pub const SERVING_ROUNDS_TOLD: u32 = 3;

/// How long a signature of DNSSEC holds, seconds: two weeks, as is usual. It is made anew at half of that.
pub const SIGNATURE_LIFE_S: u64 = 14 * 86_400;
/// By how much a resolver's clock may be behind ours before it takes a new signature for one of the future, seconds.
pub const SIGNATURE_SKEW_S: u64 = 3_600;
/// Over how long signatures that were made at the same time are made anew, seconds.
pub const SIGNATURE_JITTER_S: u64 = 2 * 86_400;
/// Most answers of several members that a pool has in a signed zone.
pub const SIGNED_SETS: u32 = 64;
/// How often signatures are looked at, whether they are to be made anew, seconds.
pub const RENEW_LOOK_S: u64 = 60;
/// Largest file of a zone's signatures, octets: room for a million of them. What has no room is signed anew after a start.
pub const SIGNATURES_FILE_MAX: u64 = 256 << 20;
/// How long new signatures may wait until they are written to the state directory, seconds.
pub const SIGNATURES_SAVE_S: u64 = 3_600;
/// They are written before that when they are more than this part of all.
pub const SIGNATURES_SAVE_SHARE: u64 = 8;
/// Largest file of a key that is read, octets.
pub const KEY_FILE_MAX: u64 = 16_384;
/// TTL of DS records at a parent unless it is told, seconds: that of most registries is no longer.
pub const DS_TTL_S: u64 = 86_400;
/// Largest TTL of a zone whose file is not at hand, seconds.
pub const ZONE_TTL_S: u64 = 86_400;
/// TTL of DNSKEY, CDS and CDNSKEY records, seconds: how long a change of keys takes to be known.
pub const DNSKEY_TTL_S: u32 = 3_600;

/// Shortest secret of a TSIG key, octets.
pub const TSIG_SECRET_MIN: usize = 16;
/// Largest file with the secret of a TSIG key, octets.
pub const TSIG_FILE_MAX: usize = 4_096;
/// Most TSIG keys.
pub const TSIG_KEYS: usize = 1_024;
/// By how much the clocks of both sides may differ, seconds (RFC 8945 §10 recommends it).
pub const TSIG_FUDGE_S: u16 = 300;

/// Transfers of zones at a time.
pub const TRANSFERS: usize = 16;
/// Of those the ones of one client (IPv4 address or IPv6 /64).
pub const TRANSFERS_CLIENT: usize = 4;
/// A message of a transfer is ended when it has so many octets: names can be pointed at in all of it.
pub const TRANSFER_MESSAGE: usize = 16_000;
/// Messages of a transfer that are made before others of the thread have their turn.
pub const TRANSFER_TURN: usize = 2;
/// A transfer that is not over after this long is given up, milliseconds.
pub const TRANSFER_MS: u64 = 600_000;
/// Addresses that a balanced name is transferred with at most: those of more endpoints would not fit into an answer.
pub const TRANSFER_ADDRESSES: usize = 16;
/// Most changes of a zone that are kept for incremental transfers.
pub const JOURNAL_CHANGES: usize = 64;
/// Most octets that they take together, by zone. More are a whole transfer anyway.
pub const JOURNAL_OCTETS: usize = 4 << 20;
/// A zone's serial rises at most this often because signatures were made anew, seconds.
pub const SERIAL_RENEWED_S: u64 = 3_600;

/// Most records of one dynamic update, prerequisites included.
pub const UPDATE_RECORDS: usize = 1_000;
/// Most records that updates may add to a zone.
pub const UPDATED_RECORDS: usize = 10_000;
/// Most octets that the records take which updates add to a zone.
pub const UPDATED_SIZE: usize = 4 << 20;
/// Updates that wait to be carried out; more are told to come again.
pub const UPDATES_WAITING: usize = 256;
/// Of those so many are carried out together, by one reload.
pub const UPDATES_AT_ONCE: usize = 64;
/// A connection waits so long for its update to be carried out, milliseconds.
pub const UPDATE_MS: u64 = 60_000;

/// Most secondaries of a zone that are told of changes.
pub const NOTIFY_TARGETS: usize = 32;
/// Tries of telling one before it is given up (RFC 1996 §3.6).
pub const NOTIFY_TRIES: u32 = 6;
/// The pause after the first try, milliseconds; it doubles with each.
pub const NOTIFY_PAUSE_MS: u64 = 1_000;
/// Secondaries that are told at a time: each has a socket of its own.
pub const NOTIFY_AT_ONCE: usize = 32;
/// How often it is looked whether a zone has changed, and whether somebody has answered, milliseconds.
pub const NOTIFY_LOOK_MS: u64 = 100;
