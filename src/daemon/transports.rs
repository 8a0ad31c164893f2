//! Encrypted transports and front ends: their sockets are bound, and their certificate is read, before anything is loaded.

use super::StartError;
use crate::certificate::{self, Shown};
use crate::config::{Dns, Server, Tls};
use crate::events::{Events, Kind};
use crate::listen::bind;
use crate::listen::inherit::Inherited;
use crate::listen::streams::{self, Door, FrontEnds, Sockets, Speaks};
use crate::listen::{Respond, Service, udp};
use crate::metrics::Metrics;
use crate::restart::Part;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// Where something else than UDP and TCP for everybody is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listening {
    /// `tls`, `https`, `quic`; of front ends also `tcp` and `udp`.
    pub transport: &'static str,
    /// The address, port filled in.
    pub address: SocketAddr,
    /// For front ends alone.
    pub is_proxied: bool,
}

/// Sockets, and what they need.
#[derive(Debug)]
pub(super) struct Setup {
    doors: Vec<Door>,
    quic: Vec<UdpSocket>,
    /// Those of front ends, and who these are.
    proxied: Vec<udp::Socket>,
    front_ends: FrontEnds,
    limits: streams::Limits,
    pub(super) certificate: Option<Shown>,
    listening: Vec<Listening>,
}

/// What runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    listening: Vec<Listening>,
    proxied: Option<udp::Threads>,
    streams: Option<streams::Thread>,
    quic: Option<streams::Thread>,
}

impl Running {
    pub(super) fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// Takes no more queries, and answers those in flight.
    pub(super) fn stop(&mut self) {
        drop(self.streams.take());
        drop(self.quic.take());
        drop(self.proxied.take());
    }
}

/// The descriptors that TCP may count on: half of them where there are other streams too.
pub(super) fn share(dns: &Dns, descriptors: usize) -> usize {
    let (encrypted, proxy) = (&dns.encrypted, &dns.proxy);
    let streams = [&encrypted.tls, &encrypted.https, &proxy.listen, &proxy.tls, &proxy.https];
    if streams.iter().all(|addresses| addresses.is_empty()) { descriptors } else { descriptors / 2 }
}

impl Setup {
    /// Binds, and reads the certificate.
    ///
    /// # Errors
    /// An address that cannot be had, or a certificate that cannot be used.
    pub(super) fn new(file: &Server, threads: usize, inherited: &mut Inherited) -> Result<Self, StartError> {
        let dns = &file.dns;
        let front_ends: FrontEnds = dns.proxy.allow.as_slice().into();
        let mut setup = Self {
            doors: Vec::new(),
            quic: Vec::new(),
            proxied: Vec::new(),
            front_ends: Arc::clone(&front_ends),
            limits: limits(dns, 0),
            certificate: None,
            listening: Vec::new(),
        };
        let (encrypted, proxy) = (&dns.encrypted, &dns.proxy);
        setup.doors(&encrypted.tls, Speaks::Tls, (None, inherited))?;
        setup.doors(&encrypted.https, Speaks::Https, (None, inherited))?;
        setup.doors(&proxy.tls, Speaks::Tls, (Some(&front_ends), inherited))?;
        setup.doors(&proxy.https, Speaks::Https, (Some(&front_ends), inherited))?;
        for socket in bind::bind_quic(&encrypted.quic, inherited).map_err(StartError::Bind)? {
            setup.listening("quic", socket.local_addr(), false)?;
            setup.quic.push(socket);
        }
        let plain = bind::bind_or_inherit(&proxy.listen, threads, inherited).map_err(StartError::Bind)?;
        setup.proxied = plain.udp;
        for (listener, address) in plain.tcp.into_iter().zip(plain.addresses) {
            setup.listening("udp", Ok(address), true)?;
            setup.listening("tcp", Ok(address), true)?;
            setup.doors.push(Door { listener, speaks: Speaks::Dns, front_ends: Some(Arc::clone(&front_ends)) });
        }
        if !setup.quic.is_empty() || setup.doors.iter().any(|door| door.speaks != Speaks::Dns) {
            setup.certificate = read(&file.tls).map_err(StartError::Certificate)?;
        }
        Ok(setup)
    }

    /// Takes no more than so many descriptors.
    pub(super) fn bound(&mut self, dns: &Dns, descriptors: usize) {
        self.limits = limits(dns, descriptors);
    }

    fn doors(
        &mut self,
        addresses: &[SocketAddr],
        speaks: Speaks,
        (front_ends, inherited): (Option<&FrontEnds>, &mut Inherited),
    ) -> Result<(), StartError> {
        for listener in bind::bind_tcp(addresses, inherited).map_err(StartError::Bind)? {
            let transport = if speaks == Speaks::Tls { "tls" } else { "https" };
            self.listening(transport, listener.local_addr(), front_ends.is_some())?;
            self.doors.push(Door { listener, speaks, front_ends: front_ends.cloned() });
        }
        Ok(())
    }

    fn listening(
        &mut self,
        transport: &'static str,
        address: io::Result<SocketAddr>,
        is_proxied: bool,
    ) -> Result<(), StartError> {
        let address = address.map_err(StartError::System)?;
        self.listening.push(Listening { transport, address, is_proxied });
        Ok(())
    }

    /// All of the sockets.
    pub(super) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let doors = self.doors.iter().map(|door| door.listener.as_fd());
        let quic = self.quic.iter().map(AsFd::as_fd);
        doors.chain(quic).chain(self.proxied.iter().map(|one| one.socket.as_fd()))
    }

    /// Starts what there is to start.
    ///
    /// # Errors
    /// The system has no more threads or descriptors, or TLS cannot be set up.
    pub(super) fn start<F: Respond<crate::state::State>>(
        self,
        service: &Service<F>,
        metrics: &Metrics,
    ) -> io::Result<Running> {
        let mut running = Running { listening: self.listening, ..Running::default() };
        if let Some(shown) = &self.certificate {
            metrics.certificate().shown(shown.expires());
        }
        let start = |part, sockets| {
            streams::start((part, sockets), self.certificate.as_ref(), service.clone(), metrics, self.limits)
        };
        if !self.doors.is_empty() {
            running.streams = Some(start(Part::Streams, Sockets { doors: self.doors, ..Sockets::default() })?);
        }
        if !self.quic.is_empty() {
            running.quic = Some(start(Part::Quic, Sockets { quic: self.quic, ..Sockets::default() })?);
        }
        if !self.proxied.is_empty() {
            running.proxied = Some(udp::start_proxied(self.proxied, self.front_ends, service, metrics)?);
        }
        Ok(running)
    }
}

/// What a client may take.
fn limits(dns: &Dns, descriptors: usize) -> streams::Limits {
    let usual = streams::Limits::with_descriptors(descriptors);
    let connections = usual.connections.min(dns.encrypted.connections);
    let per_client = dns.encrypted.per_client.min(connections);
    streams::Limits { connections, per_client, idle: Duration::from_millis(dns.encrypted.idle_ms), ..usual }
}

/// Reads the certificate that the server file names.
fn read(tls: &Tls) -> Result<Option<Shown>, String> {
    let Some((chain, key)) = tls.files() else { return Ok(None) };
    let (certificate, warnings) = certificate::read(chain, key)?;
    super::log_warnings(&warnings);
    Ok(Some(Shown::new(certificate)))
}

/// Reads the certificate again. One that cannot be used leaves the one before in force: a warning.
pub(super) fn read_again(shown: &Shown, tls: &Tls, metrics: &Metrics, happened: &Events) -> Vec<String> {
    let Some((chain, key)) = tls.files() else { return Vec::new() };
    let subject = chain.display().to_string();
    match certificate::read(chain, key) {
        Ok((certificate, warnings)) => {
            let is_other = shown.replace(certificate);
            let was_refused = metrics.certificate().known().is_some_and(|known| known.is_refused);
            metrics.certificate().shown(shown.expires());
            if is_other || was_refused {
                tracing::info!(certificate = subject, "another certificate is shown from now on");
                happened.push(Kind::Certificate, &subject, "", "shown", &warnings.join("; "));
            }
            warnings
        }
        Err(why) => {
            if metrics.certificate().refused() {
                happened.push(Kind::Certificate, &subject, "", "refused", &why);
            }
            vec![format!("{why}; the certificate from before is still shown")]
        }
    }
}
