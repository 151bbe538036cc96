//! Links over real sockets on loopback, as nodes, clients and strangers use them. Nothing here sleeps: tests wait for what
//! they claim.

mod flow;
mod hostile;
mod identities;
mod members;
mod strangers;
mod support;
