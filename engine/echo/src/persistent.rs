//! Collections whose copies share structure: what makes a fork cost the same for ten nodes and for a million.
//!
//! Not general collections: only what a timeline needs (append, read, replace; a map that never forgets a key).

mod id_map;
mod vector;

pub(crate) use id_map::IdMap;
pub(crate) use vector::PersistentVec;
