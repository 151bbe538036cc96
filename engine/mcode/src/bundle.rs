//! A program and the files that it imports as one text, so that a submission carries its modules with it.
//!
//! The program comes first and is unchanged, so that places in it stay what they are. Behind it follow the modules, each
//! with a line that says who imports it by which path, the name it was found under, and how many bytes it has:
//!
//! ```text
//! #%modules
//! #%module ["", "shapes.mcode", "import:shapes.mcode", 120]
//! ```

use std::collections::BTreeMap;

use nexus_formats::Format;
use nexus_model::{Diagnostic, Value};

use crate::compile::{ImportLoader, compile_with_imports};

const MODULES: &str = "\n#%modules\n";
const MODULE: &str = "#%module ";

/// Modules by who imports them (the program itself is "") and the path as it is written: the name each was found under
/// and its text.
pub(crate) type Modules = BTreeMap<(String, String), (String, String)>;

/// The program with everything that it imports behind it, or all that is wrong with it. A program that imports nothing
/// stays as it is.
pub fn bundle(file: &str, source: &str, loader: &mut ImportLoader<'_>) -> Result<String, Vec<Diagnostic>> {
    let mut modules = Modules::new();
    let compilation = compile_with_imports(file, source, &mut |importer, path| {
        let loaded = loader(importer, path)?;
        let importer = if importer == file { "" } else { importer };
        modules.insert((importer.to_owned(), path.to_owned()), loaded.clone());
        Ok(loaded)
    });
    if compilation.program.is_none() {
        return Err(compilation.diagnostics);
    }
    if modules.is_empty() {
        return Ok(source.to_owned());
    }
    let mut text = source.to_owned();
    text.push_str(MODULES);
    for ((importer, path), (name, module)) in &modules {
        let bytes = i64::try_from(module.len()).unwrap_or(i64::MAX);
        let strings = [importer, path, name].map(|s| Value::String(s.clone()));
        let head = Value::List(strings.into_iter().chain([Value::Int(bytes)]).collect());
        // Strings and a number can always be written as JSON.
        let head = nexus_formats::write(Format::Json, &head).unwrap_or_default();
        // Line breaks stand between the values alone: in strings they are escaped.
        let head = String::from_utf8_lossy(&head).trim_end().replace('\n', " ");
        text.push_str(&format!("{MODULE}{head}\n{module}\n"));
    }
    Ok(text)
}

/// The program and its modules. A text that is no bundle, or a damaged one, is a program without modules.
pub(crate) fn split(text: &str) -> (&str, Modules) {
    let Some((program, rest)) = text.split_once(MODULES) else { return (text, Modules::new()) };
    modules_of(rest).map_or((text, Modules::new()), |modules| (program, modules))
}

fn modules_of(mut rest: &str) -> Option<Modules> {
    let mut modules = Modules::new();
    while !rest.is_empty() {
        let (head, behind) = rest.strip_prefix(MODULE)?.split_once('\n')?;
        let Value::List(parts) = nexus_formats::read(Format::Json, head.as_bytes()).ok()? else { return None };
        let [Value::String(importer), Value::String(path), Value::String(name), Value::Int(bytes)] = parts.as_slice()
        else {
            return None;
        };
        let bytes = usize::try_from(*bytes).ok()?;
        let module = behind.get(..bytes)?;
        rest = behind.get(bytes..)?.strip_prefix('\n')?;
        modules.insert((importer.clone(), path.clone()), (name.clone(), module.to_owned()));
    }
    (!modules.is_empty()).then_some(modules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile;

    fn files(_: &str, path: &str) -> Result<(String, String), String> {
        let text = match path {
            "a.mcode" => "import \"b c.mcode\" as b\nfunction f(x) return b.g(x) + 1 end\n",
            "b c.mcode" => "#%module [\"\", \"x\", \"y\", 3]\nfunction g(x) return x * 2 end\n",
            _ => return Err("there is no such file".to_owned()),
        };
        Ok((format!("import:{path}"), text.to_owned()))
    }

    #[test]
    fn a_bundle_compiles_without_its_files_to_the_same_program() {
        let source = "import \"a.mcode\" as a\nfunction main()\n    return a.f(20)\nend\n";
        let text = bundle("main.mcode", source, &mut files).expect("it is right");
        assert!(text.starts_with(source));
        let whole = compile_with_imports("main.mcode", source, &mut files).program.expect("it is right");
        let again = compile("main.mcode", &text);
        assert_eq!(again.program.map(|p| p.hash()), Some(whole.hash()), "{:?}", again.diagnostics);
        // Another name of the file, as a node may give it, changes nothing.
        assert!(compile("elsewhere/main.mcode", &text).program.is_some());
        assert!(compile("main.mcode", source).program.is_none(), "without its modules it does not compile");
    }

    #[test]
    fn programs_without_imports_stay_as_they_are() {
        assert_eq!(bundle("m", "x = 1\n", &mut files).as_deref(), Ok("x = 1\n"));
        assert!(bundle("m", "import \"none.mcode\"\n", &mut files).is_err());
    }

    #[test]
    fn damaged_bundles_are_no_bundles() {
        let text = bundle("m", "import \"a.mcode\"\nx = 1\n", &mut files).expect("it is right");
        assert!(!split(&text).1.is_empty());
        for cut in [1, 2, 10] {
            assert!(split(&text[..text.len() - cut]).1.is_empty());
        }
        for lie in ["-1", "99999999999", "1.5"] {
            let lied = text.replace(", 6", &format!(", {lie}")).replace(",6", &format!(",{lie}"));
            assert!(lied == text || split(&lied).1.is_empty());
        }
        assert!(split("x\n#%modules\n").1.is_empty());
    }
}
