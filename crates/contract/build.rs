//! Compiles `proto/` without a system protoc.

use std::path::PathBuf;
use std::{env, error, fs};

use prost_reflect::prost::Message as _;

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let mut files: Vec<PathBuf> =
        fs::read_dir(root.join("overseer/v1"))?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    println!("cargo:rerun-if-changed={}", root.display());

    let descriptors = protox::Compiler::new([&root])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)?
        .encode_file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("overseer.bin"), &descriptors)?;

    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .build_transport(true)
        .compile_fds_with_config(prost_types_set(&descriptors)?, config)?;
    Ok(())
}

/// The extensions of the contract are kept in the bytes; the code generator needs only the plain set.
fn prost_types_set(
    descriptors: &[u8],
) -> Result<tonic_prost_build::FileDescriptorSet, prost_reflect::prost::DecodeError> {
    tonic_prost_build::FileDescriptorSet::decode(descriptors)
}
