//! Whether a graphics driver is installed at all, without loading one.
//!
//! Loading the Vulkan loader and asking it costs ten milliseconds and more where there is nothing to be found, which is
//! longer than most small programs run. Its drivers are announced by manifests in well-known folders: without a manifest
//! there is no driver. Metal is part of macOS, so nothing needs to be looked for there.

/// What was looked for and is not there, and what to do, as one sentence.
#[cfg(target_os = "macos")]
pub const MISSING: &str = "Metal has no device on this machine";
/// What was looked for and is not there, and what to do, as one sentence.
#[cfg(windows)]
pub const MISSING: &str = "DirectX 12 has no adapter on this machine";
/// What was looked for and is not there, and what to do, as one sentence.
#[cfg(not(any(target_os = "macos", windows)))]
pub const MISSING: &str = "no Vulkan driver is installed, or it has no device (the NVIDIA driver brings one; on \
                                  Debian mesa-vulkan-drivers is for AMD and Intel, and has a slow one in software)";

/// Whether it is worth asking the graphics interface.
#[cfg(any(target_os = "macos", windows))]
pub fn may_exist() -> bool {
    true
}

/// Whether it is worth asking the graphics interface.
#[cfg(not(any(target_os = "macos", windows)))]
pub fn may_exist() -> bool {
    vulkan::manifest_exists(
        |name| std::env::var_os(name),
        |folder| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()),
    )
}

/// Whether there may be a graphics processor, and not only a driver that computes on the CPU: then it has a device file.
#[cfg(target_os = "linux")]
pub fn hardware_may_exist() -> bool {
    let named = |folder: &str, prefix: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    };
    // Direct rendering, NVIDIA's own driver, and the paravirtual one of Windows' Linux.
    named("/dev/dri", "renderD") || named("/dev", "nvidia") || std::path::Path::new("/dev/dxg").exists()
}

/// Whether there may be a graphics processor, and not only a driver that computes on the CPU.
#[cfg(not(target_os = "linux"))]
pub fn hardware_may_exist() -> bool {
    true
}

#[cfg(not(any(target_os = "macos", windows)))]
mod vulkan {
    //! The rules by which the Vulkan loader finds drivers (its documentation: LoaderDriverInterface, driver discovery).

    use std::env::split_paths;
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    /// Variables that name manifests outright.
    const NAMED: [&str; 3] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];
    /// Folders that hold folders of manifests, whatever the environment says. The last is NixOS's.
    const ROOTS: [&str; 6] = [
        "/etc",
        "/usr/local/etc",
        "/usr/share",
        "/usr/local/share",
        "/usr/lib/x86_64-linux-gnu/GL",
        "/run/opengl-driver/share",
    ];
    /// Variables that list such folders.
    const LISTED: [&str; 4] = ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_DIRS"];
    /// Such folders below the user's own.
    const BELOW_HOME: [&str; 2] = [".local/share", ".config"];

    /// Whether any manifest is announced by a variable or lies in a folder, as `variable` and `has_entries` tell.
    pub(super) fn manifest_exists(
        variable: impl Fn(&str) -> Option<OsString>,
        has_entries: impl Fn(&Path) -> bool,
    ) -> bool {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if NAMED.iter().any(|name| set(name).is_some()) {
            return true;
        }
        let mut roots: Vec<PathBuf> = ROOTS.iter().map(PathBuf::from).collect();
        for list in LISTED.iter().filter_map(|name| set(name)) {
            roots.extend(split_paths(&list));
        }
        if let Some(home) = set("HOME") {
            roots.extend(BELOW_HOME.iter().map(|folder| Path::new(&home).join(folder)));
        }
        roots.iter().any(|root| has_entries(&root.join("vulkan/icd.d")))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_driver_is_announced_by_a_variable_or_by_a_manifest_in_a_known_folder() {
            let none = |_: &str| None;
            assert!(!manifest_exists(none, |_| false));
            assert!(manifest_exists(none, |folder| folder == Path::new("/usr/share/vulkan/icd.d")));
            assert!(manifest_exists(|name| (name == "VK_DRIVER_FILES").then(|| "nvidia.json".into()), |_| false));
            assert!(!manifest_exists(|name| (name == "VK_DRIVER_FILES").then(OsString::new), |_| false));
            let home = |name: &str| (name == "HOME").then(|| "/people/ada".into());
            assert!(manifest_exists(home, |folder| folder == Path::new("/people/ada/.local/share/vulkan/icd.d")));
            let listed = |name: &str| (name == "XDG_DATA_DIRS").then(|| "/opt/a:/opt/b".into());
            assert!(manifest_exists(listed, |folder| folder == Path::new("/opt/b/vulkan/icd.d")));
        }
    }
}
