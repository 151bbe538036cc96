//! Hash maps and sets of names: the compiler asks them several times for each word of a program.
//!
//! The hash is foldhash's, with a seed of its own for each map: several times faster than the standard one for short keys,
//! and a program cannot choose names that fall together. Nothing here has an order: what is shown is sorted first.

/// A map of names, or of what is as short.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
/// A set of them.
pub(crate) type HashSet<K> = std::collections::HashSet<K, foldhash::fast::RandomState>;
