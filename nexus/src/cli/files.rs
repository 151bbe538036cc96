//! Files that a command line names: programs, inputs and outputs. Each error says which file, why, and what next.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use nexus_formats::Format;
use nexus_model::Value;

use super::codes;
use super::error::{CliError, Exit};
use super::interrupt;

/// More than any program takes: the language reads as much, and a device that never ends has more.
const PROGRAM_BYTES_MAX: u64 = 16 << 20;

/// The text of a program.
pub(crate) fn program(path: &Path) -> Result<Arc<str>, CliError> {
    let bytes = bytes(path, "the program", PROGRAM_BYTES_MAX + 1)?;
    if bytes.len() as u64 > PROGRAM_BYTES_MAX {
        let message = format!("{} is longer than {} MiB", path.display(), PROGRAM_BYTES_MAX >> 20);
        let help = "no program is; data is read as an input: --input NAME=FILE";
        return Err(CliError::new(Exit::Usage, codes::UNREADABLE_FILE, message).with_help(help));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let message =
            format!("{} is not UTF-8 text (byte {} is not); is it a program?", path.display(), error.valid_up_to());
        let help = match bytes.as_slice() {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "it is UTF-16: save it as UTF-8, or `iconv -f UTF-16 -t UTF-8`",
            _ => "an .mcode file is plain text in UTF-8",
        };
        CliError::new(Exit::Usage, codes::NOT_TEXT, message).with_help(help)
    })?;
    // A byte order mark is no part of the program.
    Ok(Arc::from(text.strip_prefix('\u{feff}').unwrap_or(text)))
}

/// At most so many bytes of a file.
fn bytes(path: &Path, what: &str, most: u64) -> Result<Vec<u8>, CliError> {
    let wrong = |message: String| CliError::new(Exit::Usage, codes::UNREADABLE_FILE, message);
    if path.is_dir() {
        return Err(wrong(format!("{} is a folder, not {what}", path.display())));
    }
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    interrupt::reading(read).map_err(|error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            let error = wrong(format!("{} does not exist", path.display()));
            match similar(path) {
                Some(name) => error.with_help(format!("did you mean `{name}`?")),
                // Paths in a job file begin at the file, others where the command runs.
                None => match std::path::absolute(path) {
                    Ok(place) if place != path => error.with_help(format!("it was looked for at {}", place.display())),
                    _ => error,
                },
            }
        }
        ErrorKind::PermissionDenied => wrong(format!("{} may not be read by this user", path.display())),
        _ => wrong(format!("{} cannot be read: {error}", path.display())),
    })
}

/// A file beside `path` whose name differs only in case or by a missing extension.
fn similar(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?.to_lowercase();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let names = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let mut found: Vec<String> = names
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let name = name.to_lowercase();
            name == wanted || name.strip_suffix(".mcode") == Some(&wanted)
        })
        .collect();
    found.sort();
    let name = found.into_iter().next()?;
    Some(folder.map_or(name.clone(), |folder| folder.join(&name).display().to_string()))
}

/// The value in an input file, whose extension says its format.
pub(crate) fn input(name: &str, path: &Path) -> Result<Value, CliError> {
    let format = format_of(path)
        .map_err(|message| CliError::new(Exit::Usage, codes::BAD_INPUT, format!("the input `{name}`: {message}")))?;
    let bytes = bytes(path, "a file of data", u64::MAX)?;
    nexus_formats::read(format, &bytes).map_err(|error| {
        let message = format!("the input `{name}` ({}) cannot be read: {error}", path.display());
        let refused = CliError::new(Exit::Usage, codes::BAD_INPUT, message);
        match error.help() {
            Some(help) => refused.with_help(help),
            None => refused,
        }
    })
}

/// Writes an output file, whose extension says its format. The file is complete or not there at all.
pub(crate) fn output(value: &Value, path: &Path) -> Result<(), CliError> {
    let wrong = |message: String| CliError::new(Exit::Usage, codes::BAD_OUTPUT, message);
    let format = format_of(path).map_err(wrong)?;
    let bytes = nexus_formats::write(format, value).map_err(|error| {
        let refused = wrong(format!("{} cannot be written: {error}", path.display()));
        match error.help() {
            Some(help) => refused.with_help(help),
            None => refused,
        }
    })?;
    whole(path, &bytes)
}

/// Writes a file that is complete or as it was.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let written = std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| {
        // What could not be finished is of no use to anyone.
        let _ = std::fs::remove_file(&partial);
        let message = format!("{} cannot be written: {error}", path.display());
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
    })
}

/// Checks before a long run that its outputs can be written in the formats that their names say, and where they say.
pub(crate) fn check_output(path: &Path) -> Result<(), CliError> {
    format_of(path).map_err(|message| CliError::new(Exit::Usage, codes::BAD_OUTPUT, message))?;
    check_place(path)
}

/// Checks that a file can lie there: its folder is one, and it is none itself.
pub(crate) fn check_place(path: &Path) -> Result<(), CliError> {
    let wrong = |message: String| Err(CliError::new(Exit::Usage, codes::BAD_OUTPUT, message));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (file, place) = (path.display(), folder.display());
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return wrong(format!("{file} cannot be written: {place} is no folder")),
        Err(error) => {
            return wrong(format!("{file} cannot be written: its folder {place}: {error}")).map_err(
                |wrong: CliError| wrong.with_help(format!("make it with `mkdir -p {place}`; nothing was run")),
            );
        }
    }
    if path.is_dir() {
        return wrong(format!("{file} cannot be written: it is a folder"));
    }
    Ok(())
}

fn format_of(path: &Path) -> Result<Format, String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Format::from_file_name(&name).ok_or_else(|| {
        let known: Vec<String> = Format::ALL.iter().map(|format| format!(".{format}")).collect();
        format!("{} has no extension of a known format ({})", path.display(), known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_where_no_file_can_lie_are_told_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("y.npy")).unwrap();
        std::fs::write(path("file"), "x").unwrap();
        assert_eq!(check_output(&path("x.npy")), Ok(()));
        assert_eq!(check_output(Path::new("x.npy")), Ok(()));
        let said = |name: &str| check_output(&path(name)).unwrap_err();
        assert!(said("none/x.npy").help.is_some_and(|help| help.contains("mkdir -p")));
        assert!(said("y.npy").message.ends_with("it is a folder") && said("file/x.npy").exit == Exit::Usage);
        assert!(said("x.tiff").message.contains("known format"));
    }

    #[test]
    fn programs_that_cannot_be_read_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("Pca.mcode"), "\u{feff}x = 1\n").unwrap();
        std::fs::write(path("image.mcode"), b"\x89PNG").unwrap();
        assert_eq!(&*program(&path("Pca.mcode")).unwrap(), "x = 1\n");
        assert!(program(folder.path()).unwrap_err().message.ends_with("is a folder, not the program"));
        assert!(program(&path("image.mcode")).unwrap_err().message.contains("not UTF-8 text (byte 0"));
        let missing = program(&path("pca")).unwrap_err();
        assert!(missing.message.ends_with("pca does not exist"));
        assert!(missing.help.unwrap().ends_with("Pca.mcode`?"));
        assert_eq!(program(&path("none.mcode")).unwrap_err().exit, Exit::Usage);
        let endless = program(Path::new("/dev/zero")).unwrap_err();
        assert_eq!((endless.exit, endless.message.as_str()), (Exit::Usage, "/dev/zero is longer than 16 MiB"));
    }

    #[test]
    fn inputs_and_outputs_go_by_their_extension() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let value = Value::List(vec![Value::Int(1), Value::String("a".into())]);
        output(&value, &path("x.json")).unwrap();
        assert_eq!(input("x", &path("x.json")), Ok(value.clone()));
        let error = output(&value, &path("x.npy")).unwrap_err();
        assert!(error.message.contains("npy cannot hold a list") && error.help.is_some(), "{error:?}");
        assert!(input("x", &path("x.xlsx")).unwrap_err().message.contains(".npy, .npz, .csv, .json, .safetensors"));
        assert!(output(&value, &path("no/such/x.json")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written is left");
    }
}
