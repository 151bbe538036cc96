//! The store on a real disk: what is put is found, what is damaged is noticed, what fails leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_blobs::{BlobError, BlobStore, Collected, INCOMING_MAX};
use nexus_model::BlobHash;

const MEMORY: usize = 1 << 20;

fn store() -> (tempfile::TempDir, BlobStore) {
    let directory = tempfile::tempdir().expect("there is a disk");
    let store = BlobStore::open(directory.path(), MEMORY).expect("it is new");
    (directory, store)
}

fn hash_of(bytes: &[u8]) -> BlobHash {
    BlobHash(*blake3::hash(bytes).as_bytes())
}

/// Too large for the memory of the store, so that it is read from disk.
fn large() -> Vec<u8> {
    (0..MEMORY).map(|i| (i * 31 / 7) as u8).collect()
}

fn path_of(directory: &Path, hash: &BlobHash) -> PathBuf {
    let digits = hash.to_string();
    directory.join("objects").join(&digits[..2]).join(&digits[2..])
}

fn files_in(directory: &Path, folder: &str) -> usize {
    fs::read_dir(directory.join(folder)).expect("the store made it").count()
}

#[test]
fn what_was_put_is_found_also_after_a_restart() {
    let (directory, store) = store();
    let contents = [Vec::new(), b"small".to_vec(), large()];
    let hashes: Vec<_> = contents.iter().map(|bytes| store.put(bytes).unwrap()).collect();
    let again = BlobStore::open(directory.path(), MEMORY).unwrap();
    for (bytes, hash) in contents.iter().zip(&hashes) {
        assert_eq!(*hash, hash_of(bytes));
        for store in [&store, &again] {
            assert!(store.has(hash));
            assert_eq!(store.len(hash).unwrap(), bytes.len() as u64);
            assert_eq!(store.get(hash).unwrap(), bytes);
        }
    }
    assert_eq!(files_in(directory.path(), "incoming"), 0);
}

#[test]
fn parts_are_read_from_memory_and_from_disk() {
    let (_directory, store) = store();
    for bytes in [b"0123456789".to_vec(), large()] {
        let hash = store.put(&bytes).unwrap();
        let end = bytes.len();
        for (offset, length) in [(0, 4), (3, 4), (end - 2, 100), (end, 1), (0, 0), (0, usize::MAX)] {
            let expected = &bytes[offset..end.min(offset.saturating_add(length))];
            assert_eq!(store.read_at(&hash, offset as u64, length).unwrap(), expected);
        }
        for offset in [end as u64 + 1, u64::MAX] {
            assert!(matches!(store.read_at(&hash, offset, 1), Err(BlobError::BeyondEnd { .. })));
        }
    }
}

#[test]
fn a_missing_blob_is_said_to_be_missing() {
    let (_directory, store) = store();
    let hash = hash_of(b"never stored");
    assert!(!store.has(&hash));
    assert!(!store.remove(&hash).unwrap());
    for error in [store.get(&hash).unwrap_err(), store.read_at(&hash, 0, 1).unwrap_err(), store.len(&hash).unwrap_err()]
    {
        assert!(matches!(error, BlobError::Missing { hash: which } if which == hash), "{error:?}");
        assert_eq!(error.code(), "NX0701");
    }
}

#[test]
fn a_removed_blob_is_gone_from_memory_too() {
    let (_directory, store) = store();
    let hash = store.put(b"short life").unwrap();
    assert!(store.remove(&hash).unwrap());
    assert!(matches!(store.get(&hash), Err(BlobError::Missing { .. })));
}

#[test]
fn a_stream_is_stored_without_being_held_in_memory() {
    let (_directory, store) = store();
    let bytes = large();
    let (hash, length) = store.put_streaming(&mut bytes.as_slice()).unwrap();
    assert_eq!((hash, length), (hash_of(&bytes), bytes.len() as u64));
    assert_eq!(store.get(&hash).unwrap(), bytes);
}

#[test]
fn a_stream_that_breaks_leaves_nothing_behind() {
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the cable was pulled"))
        }
    }
    let (directory, store) = store();
    let error = store.put_streaming(&mut Cursor::new(b"a beginning").chain(Breaks)).unwrap_err();
    assert!(error.to_string().contains("the cable was pulled"), "{error}");
    assert_eq!((files_in(directory.path(), "incoming"), files_in(directory.path(), "objects")), (0, 0));
}

#[test]
fn damage_is_noticed_set_aside_and_mended() {
    let bytes = large();
    let damages: [fn(&mut Vec<u8>); 4] =
        [|file| file[1000] ^= 1, |file| file.truncate(1000), |file| file.push(0), Vec::clear];
    for damage in damages {
        let (directory, store) = store();
        let hash = store.put(&bytes).unwrap();
        let path = path_of(directory.path(), &hash);
        let mut file = bytes.clone();
        damage(&mut file);
        fs::write(&path, &file).unwrap();

        // A new start, so that nothing is remembered as checked.
        for read in ["get", "read_at"] {
            let fresh = BlobStore::open(directory.path(), MEMORY).unwrap();
            let error = match read {
                "get" => fresh.get(&hash).unwrap_err(),
                _ => fresh.read_at(&hash, 0, 1).unwrap_err(),
            };
            let BlobError::Damaged { set_aside, .. } = &error else { panic!("{error:?}") };
            assert_eq!(fs::read(set_aside).unwrap(), file);
            assert!(error.to_string().contains("set aside"), "{error}");
            assert!(!fresh.has(&hash));
            assert!(matches!(fresh.get(&hash), Err(BlobError::Missing { .. })));

            assert_eq!(fresh.put(&bytes).unwrap(), hash);
            assert_eq!(fresh.get(&hash).unwrap(), bytes);
            fs::write(&path, &file).unwrap();
        }
        // Without a restart `get` looks at the bytes themselves, and storing again mends what is not known to be good.
        assert!(matches!(store.get(&hash), Err(BlobError::Damaged { .. })));
        fs::write(&path, &file).unwrap();
        assert_eq!(store.put(&bytes).unwrap(), hash);
        assert_eq!(store.get(&hash).unwrap(), bytes);
    }
}

#[test]
fn what_a_crash_left_half_written_is_swept() {
    let (directory, store) = store();
    let mut incoming = store.incoming(hash_of(b"whole"), 5).unwrap();
    incoming.write(0, b"who").unwrap();
    assert_eq!(files_in(directory.path(), "incoming"), 1);
    std::mem::forget(incoming);
    let store = BlobStore::open(directory.path(), MEMORY).unwrap();
    assert_eq!(files_in(directory.path(), "incoming"), 0);
    assert!(!store.has(&hash_of(b"whole")));
}

#[test]
fn many_threads_may_put_the_same_content() {
    let (directory, store) = store();
    let store = Arc::new(store);
    let bytes = Arc::new(large());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (store, bytes) = (Arc::clone(&store), Arc::clone(&bytes));
            std::thread::spawn(move || store.put(&bytes).unwrap())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), hash_of(&bytes));
    }
    assert_eq!(store.get(&hash_of(&bytes)).unwrap(), *bytes);
    assert_eq!((files_in(directory.path(), "incoming"), files_in(directory.path(), "objects")), (0, 1));
}

#[test]
fn pieces_in_order_become_a_blob_and_repeats_do_no_harm() {
    let (directory, store) = store();
    let hash = hash_of(b"0123456789");
    assert!(!store.write_piece(hash, 10, 0, b"0123").unwrap());
    assert!(!store.write_piece(hash, 10, 0, b"0123").unwrap());
    let gap = store.write_piece(hash, 10, 8, b"89").unwrap_err();
    assert!(matches!(gap, BlobError::OutOfOrder { expected: 4, found: 8, .. }), "{gap:?}");
    for (total, offset) in [(11, 4), (10, 7), (10, u64::MAX)] {
        let error = store.write_piece(hash, total, offset, b"4567").unwrap_err();
        assert!(matches!(error, BlobError::Length { .. }), "{error:?}");
    }
    assert!(!store.has(&hash));
    assert!(store.write_piece(hash, 10, 4, b"456789").unwrap());
    assert_eq!(store.get(&hash).unwrap(), b"0123456789".as_slice());
    assert!(store.write_piece(hash, 10, 0, b"0123").unwrap(), "a second upload has nothing to do");
    assert!(matches!(store.write_piece(hash, 9, 0, b"0123"), Err(BlobError::Length { .. })));
    assert!(store.write_piece(hash_of(b""), 0, 0, b"").unwrap());
    assert_eq!(files_in(directory.path(), "incoming"), 0);
}

#[test]
fn pieces_that_do_not_add_up_to_the_hash_are_thrown_away() {
    let (directory, store) = store();
    let hash = hash_of(b"right");
    let error = store.write_piece(hash, 5, 0, b"wrong").unwrap_err();
    assert!(matches!(error, BlobError::Mismatch { expected, .. } if expected == hash), "{error:?}");
    assert!(!store.has(&hash));
    assert_eq!((files_in(directory.path(), "incoming"), files_in(directory.path(), "objects")), (0, 0));
    assert!(store.write_piece(hash, 5, 0, b"right").unwrap());

    let early = store.incoming(hash, 5).unwrap();
    assert!(matches!(early.finish(&store), Err(BlobError::Length { announced: 5, found: 0, .. })));
}

#[test]
fn uploads_that_nobody_continues_give_way() {
    let (directory, store) = store();
    let hash = |i: usize| hash_of(&[i as u8; 2]);
    for i in 0..INCOMING_MAX + 10 {
        assert!(!store.write_piece(hash(i), 2, 0, &[i as u8]).unwrap());
    }
    assert_eq!(files_in(directory.path(), "incoming"), INCOMING_MAX);
    let error = store.write_piece(hash(0), 2, 1, &[0]).unwrap_err();
    assert!(matches!(error, BlobError::OutOfOrder { expected: 0, .. }), "{error:?}");
    let last = INCOMING_MAX + 9;
    assert!(store.write_piece(hash(last), 2, 1, &[last as u8]).unwrap());
}

#[test]
fn several_senders_of_one_blob_help_each_other() {
    let (directory, store) = store();
    let store = Arc::new(store);
    let bytes = Arc::new(large());
    let hash = hash_of(&bytes);
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (store, bytes) = (Arc::clone(&store), Arc::clone(&bytes));
            std::thread::spawn(move || {
                for (i, piece) in bytes.chunks(10_000).enumerate() {
                    store.write_piece(hash, bytes.len() as u64, i as u64 * 10_000, piece).unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().unwrap();
    }
    assert_eq!(store.get(&hash).unwrap(), *bytes);
    assert_eq!((files_in(directory.path(), "incoming"), files_in(directory.path(), "objects")), (0, 1));
}

/// A small file system of its own needs a privileged user; elsewhere the test says that it was not run.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_nothing_is_left_half_written() {
    use std::process::Command;

    struct Mounted(tempfile::TempDir);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0.path()).status();
        }
    }

    let directory = tempfile::tempdir().unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(directory.path()).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        println!("not run: a small file system cannot be mounted here");
        return;
    }
    let disk = Mounted(directory);
    let root = disk.0.path().join("blobs");
    let store = BlobStore::open(&root, MEMORY).unwrap();
    let small = store.put(b"fits").unwrap();

    let full = |error: BlobError| {
        assert!(matches!(&error, BlobError::DiskFull { disk: named } if named == disk.0.path()), "{error:?}");
        assert!(error.help().unwrap().contains("make room"));
        assert_eq!((files_in(&root, "incoming"), files_in(&root, "objects")), (0, 1));
    };
    full(store.put(&large()).unwrap_err());
    full(store.put_streaming(&mut large().as_slice()).unwrap_err());
    full(store.write_piece(hash_of(&large()), MEMORY as u64, 0, &large()).unwrap_err());

    assert_eq!(store.get(&small).unwrap(), b"fits".as_slice());
    store.put(b"this fits, too").unwrap();
}

#[test]
fn what_two_looks_find_unused_goes_and_what_is_referenced_stays() {
    let (directory, store) = store();
    let [used, unused] = [b"used".to_vec(), large()].map(|bytes| store.put(&bytes).unwrap());
    let referenced = BTreeSet::from([used]);
    let first = store.collect(&referenced).unwrap();
    assert_eq!((first.removed, first.waiting), (0, 1), "one look is not enough: its job may be on the way");
    let second = store.collect(&referenced).unwrap();
    assert_eq!(second, Collected { removed: 1, removed_bytes: MEMORY as u64, waiting: 0 });
    assert!(matches!(store.get(&unused), Err(BlobError::Missing { .. })));
    assert_eq!(store.get(&used).unwrap(), b"used".as_slice());
    assert!(!path_of(directory.path(), &unused).exists() && path_of(directory.path(), &used).exists());
    assert_eq!(store.collect(&referenced).unwrap(), Collected::default());
}

#[test]
fn whoever_wants_a_blob_between_two_looks_keeps_it() {
    type Want = fn(&BlobStore, &BlobHash, &[u8]);
    let wants: [(&str, Want); 4] = [
        ("put", |store, _, bytes| assert!(store.put(bytes).is_ok())),
        ("put_streaming", |store, _, mut bytes| assert!(store.put_streaming(&mut bytes).is_ok())),
        ("has", |store, hash, _| assert!(store.has(hash))),
        ("write_piece", |store, hash, bytes| {
            assert!(store.write_piece(*hash, bytes.len() as u64, 0, bytes).unwrap());
        }),
    ];
    for (name, want) in wants {
        let (_directory, store) = store();
        let bytes = b"on its way to a job";
        let hash = store.put(bytes).unwrap();
        store.collect(&BTreeSet::new()).unwrap();
        want(&store, &hash, bytes);
        assert_eq!(store.collect(&BTreeSet::new()).unwrap().removed, 0, "{name}");
        assert_eq!(store.collect(&BTreeSet::new()).unwrap().removed, 1, "{name}: nobody wanted it since");
    }
}

#[test]
fn a_reference_that_comes_and_goes_begins_the_wait_again() {
    let (_directory, store) = store();
    let hash = store.put(b"shared by two jobs").unwrap();
    let look = |referenced: bool| {
        let referenced = if referenced { BTreeSet::from([hash]) } else { BTreeSet::new() };
        store.collect(&referenced).unwrap().removed
    };
    assert_eq!([look(false), look(true), look(false), look(false)], [0, 0, 0, 1]);
}

#[test]
fn an_outline_is_of_what_lies_on_the_disk_and_a_damaged_blob_has_none() {
    let (directory, store) = store();
    let mut bytes: Vec<u8> = (0..5_000_000u32).map(|at| (at >> 10) as u8).collect();
    let hash = store.put(&bytes).expect("there is room");
    let outline = store.outline(&hash).expect("it is intact");
    assert_eq!((outline.hash(), outline.total(), outline.pieces()), (hash, 5_000_000, 5));
    bytes[4_999_999] ^= 1;
    fs::write(path_of(directory.path(), &hash), bytes).expect("there is room");
    assert!(matches!(store.outline(&hash), Err(BlobError::Damaged { .. })));
    assert!(matches!(store.outline(&hash), Err(BlobError::Missing { .. })));
}
