//! How the binary is linked. Cargo runs it before it compiles this package.
//!
//! On Linux the binary is linked to run where it was linked for (as Go's are): a relocatable one has 230,000 pointers set at
//! each start, most of them in tables of libraries that a command never looks at, which takes 4 ms and 3 MB.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
