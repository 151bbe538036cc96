//! What leaves the data folder of a module: its interface, for programs that import it, and its content, for the machines
//! that run them.

use std::fs;
use std::path::Path;

use nexus_mcode::ExternalFunction;
use nexus_model::{DType, TensorData, Value};

use super::error::ModuleError;
use super::store::{self, Installed};

/// The fields of a file that travels.
const PATH: &str = "path";
const EXECUTABLE: &str = "executable";
const CONTENT: &str = "content";

impl Installed {
    /// Its functions as a text of M-CODE, for programs that import it.
    pub fn interface(&self) -> String {
        let functions: Vec<ExternalFunction> = self
            .manifest
            .functions
            .iter()
            .map(|function| ExternalFunction {
                name: function.name.clone(),
                parameters: function.parameters.iter().map(|p| (p.name.clone(), p.ty.to_string())).collect(),
                returns: function.returns.to_string(),
            })
            .collect();
        nexus_mcode::external_interface(&self.manifest.name, &self.hash, &functions)
    }

    /// Its files as a value: a list of records of path, whether it can be executed, and content (u8).
    ///
    /// # Errors
    /// The disk's, or what is in its folder and may not be.
    pub fn packed(&self) -> Result<Value, ModuleError> {
        let pack = |path: String| {
            let file = self.folder.join(&path);
            let content = fs::read(&file).map_err(ModuleError::disk(&file))?;
            let executable = store::is_executable(&file)?;
            let count = content.len();
            let bytes = TensorData::new(DType::U8, vec![count], content);
            let content = bytes.map_err(|error| ModuleError::bad(&file, error.to_string()))?;
            Ok(Value::Record(vec![
                (PATH.to_owned(), Value::String(path)),
                (EXECUTABLE.to_owned(), Value::Bool(executable)),
                (CONTENT.to_owned(), Value::Tensor(content)),
            ]))
        };
        let files: Result<Vec<Value>, ModuleError> = store::files_of(&self.folder)?.into_keys().map(pack).collect();
        files.map(Value::List)
    }

    /// Lays the files that [`Self::packed`] gave into an empty folder; its calls get their own folders in `scratch`.
    ///
    /// # Errors
    /// The disk's; [`ModuleError::BadFolder`] where these are not the files of a module.
    pub(crate) fn unpack(packed: &Value, folder: &Path, scratch: &Path) -> Result<Self, ModuleError> {
        let bad = |reason: &str| ModuleError::bad(folder, reason.to_owned());
        let Value::List(files) = packed else { return Err(bad("it did not arrive as a list of files")) };
        for file in files {
            let Value::Record(fields) = file else { return Err(bad("a file did not arrive as a record")) };
            let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            let (Some(Value::String(path)), Some(Value::Bool(executable)), Some(Value::Tensor(content))) =
                (field(PATH), field(EXECUTABLE), field(CONTENT))
            else {
                return Err(bad("a file arrived without its path, content, or whether it can be executed"));
            };
            let is_inside = path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0');
            if !is_inside || content.dtype() != DType::U8 {
                return Err(bad("a file arrived with a path outside, or as something else than bytes"));
            }
            store::write(&folder.join(path), content.bytes(), *executable)?;
        }
        store::read_content(folder, scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::ModuleStore;

    const MANIFEST: &str = "name = \"shapes\"\nversion = \"1\"\nkind = \"process\"\nentry = [\"run\"]\n\
        [functions.area]\nparameters = [\"w: scalar\", \"t: tensor[f32, n, 2]\"]\nreturns = \"scalar\"\n\
        [functions.all]\nreturns = \"any\"\n";

    fn added(data: &Path) -> Installed {
        use std::os::unix::fs::PermissionsExt;
        let folder = data.join("original");
        fs::create_dir_all(folder.join("deep/er")).unwrap();
        fs::write(folder.join("vxor.toml"), MANIFEST).unwrap();
        fs::write(folder.join("deep/er/data"), b"\0\xff").unwrap();
        fs::write(folder.join("empty"), b"").unwrap();
        fs::write(folder.join("run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        ModuleStore::new(data).add(&folder, &[]).unwrap()
    }

    #[test]
    fn what_travels_is_what_was_added() {
        let data = tempfile::tempdir().unwrap();
        let module = added(data.path());
        let there = tempfile::tempdir().unwrap();
        let packed = module.packed().unwrap();
        let arrived = Installed::unpack(&packed, there.path(), data.path()).unwrap();
        assert_eq!((arrived.hash, arrived.manifest), (module.hash, module.manifest));
    }

    #[test]
    fn what_is_no_module_is_not_unpacked() {
        let data = tempfile::tempdir().unwrap();
        let Value::List(files) = added(data.path()).packed().unwrap() else { panic!("a list") };
        let named = |path: &str| {
            let mut files = files.clone();
            let Some(Value::Record(fields)) = files.last_mut() else { panic!("a record") };
            fields[0].1 = Value::String(path.to_owned());
            Value::List(files)
        };
        for path in ["../evil", "/evil", "a/../../evil", "a//b", "", "a\0b"] {
            let there = tempfile::tempdir().unwrap();
            let error = Installed::unpack(&named(path), &there.path().join("in"), data.path()).unwrap_err();
            assert!(error.to_string().contains("path outside"), "{error}");
            assert!(!there.path().join("evil").exists());
        }
        for value in [Value::None, Value::List(vec![Value::Int(1)]), Value::List(vec![])] {
            let there = tempfile::tempdir().unwrap();
            assert!(Installed::unpack(&value, there.path(), data.path()).is_err(), "{value:?}");
        }
    }

    #[test]
    fn the_interface_compiles() {
        let data = tempfile::tempdir().unwrap();
        let interface = added(data.path()).interface();
        let source = "import module(\"shapes\") as s\nfunction main(t)\n    return s.area(2, t)\nend\n";
        let mut loader = |_: &str, path: &str| {
            assert_eq!(path, "module:shapes");
            Ok(("import:shapes".to_owned(), interface.clone()))
        };
        let compilation = nexus_mcode::compile_with_imports("main.mcode", source, &mut loader);
        assert!(compilation.program.is_some(), "{:?}", compilation.diagnostics);
    }
}
