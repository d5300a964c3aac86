//! A small disk that fills up.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of 16 MB.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mount(place: PathBuf) -> Self {
        fs::create_dir_all(&place).unwrap();
        as_root(&["mount", "-t", "tmpfs", "-o", "size=16m,mode=0777", "overseer-test"], &place);
        Self(place)
    }
    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
    /// To the last byte.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.filler()).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy"], &self.0);
    }
}

fn as_root(command: &[&str], place: &Path) {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let words: Vec<&str> = if root { command.to_vec() } else { [&["sudo", "-n"], command].concat() };
    let done = Command::new(words[0]).args(&words[1..]).arg(place).status().unwrap();
    assert!(done.success(), "{words:?} failed");
}
