//! Makes cargo see new migrations, which are embedded.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
