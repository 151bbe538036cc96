//! The `nexus` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_graphics_loader();
    nexus::cli::main()
}

/// Graphics drivers on Linux complain on stderr where nobody has set a runtime folder, as on servers; they need none here.
fn quiet_graphics_loader() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        #[expect(unsafe_code, reason = "changing the environment is sound while there is only one thread")]
        // SAFETY: this is the first thing the program does; no other thread exists that could read the environment.
        unsafe {
            std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir());
        }
    }
}
