//! Power cuts for a child process: it runs beneath `tests/powercut/shim.c`, is killed, and what only a disk would still
//! hold takes the place of its data folder. How true to a real disk that is: see the top of the C source.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SHIM_SOURCE: &str = include_str!("../../powercut/shim.c");

/// What a disk does with bytes that nobody synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writeback {
    /// They are gone.
    Strict,
    /// A random 5/8 of the writes arrive, in front of older ones that don't; a quarter of those are torn in half.
    Reorder,
}

/// One life of a data folder, from a start to a power cut. Owns the shadow copy beside the folder.
#[derive(Debug)]
pub struct PowerCut {
    data_dir: PathBuf,
    shadow: PathBuf,
    loaded: PathBuf,
    writeback: Writeback,
    seed: u64,
}

impl PowerCut {
    /// Takes what is in `data_dir` now (it may be empty, or the survivor of an earlier cut) as safely on the disk.
    pub fn new(data_dir: &Path, writeback: Writeback, seed: u64) -> io::Result<Self> {
        fs::create_dir_all(data_dir)?;
        let data_dir = data_dir.canonicalize()?;
        let shadow = beside(&data_dir, ".shadow");
        let loaded = beside(&data_dir, ".shadow.loaded");
        remove_tree(&shadow)?;
        copy_tree(&data_dir, &shadow)?;
        if loaded.exists() {
            fs::remove_file(&loaded)?;
        }
        Ok(Self { data_dir, shadow, loaded, writeback, seed })
    }

    /// Environment of the child that works on the folder. Only that child may write there.
    pub fn env(&self) -> [(&'static str, OsString); 5] {
        let mode = match self.writeback {
            Writeback::Strict => "strict",
            Writeback::Reorder => "reorder",
        };
        [
            ("LD_PRELOAD", shim().into()),
            ("POWERCUT_DIR", self.data_dir.clone().into()),
            ("POWERCUT_SHADOW", self.shadow.clone().into()),
            ("POWERCUT_MODE", mode.into()),
            ("POWERCUT_SEED", self.seed.to_string().into()),
        ]
    }

    /// The power is gone: puts the surviving tree in the folder's place and returns the folder. The child must have been
    /// killed and waited for before.
    ///
    /// # Panics
    /// When the child never loaded the library: the test would prove nothing.
    pub fn cut(self) -> io::Result<PathBuf> {
        assert!(self.loaded.exists(), "the child ran without the power-cut library");
        fs::remove_file(&self.loaded)?;
        remove_tree(&self.data_dir)?;
        fs::rename(&self.shadow, &self.data_dir)?;
        Ok(self.data_dir)
    }
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove_tree(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Copies a folder with all that is in it; `to` must not exist yet.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(fs::metadata(from)?.permissions().mode()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The library, built by the C compiler into the target folder when this source hasn't been built yet. Tests run as
/// processes side by side, so it appears there whole, by a rename.
fn shim() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    SHIM_SOURCE.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("powercut-{:016x}.so", hasher.finish()));
    if !library.exists() {
        let unfinished = folder.join(format!("powercut-{}.tmp", std::process::id()));
        compile(&unfinished).expect("the C compiler builds the power-cut library");
        fs::rename(&unfinished, &library).expect("the target folder is writable");
    }
    library
}

fn compile(output: &Path) -> io::Result<()> {
    let mut compiler = Command::new("cc")
        .args(["-std=gnu11", "-shared", "-fPIC", "-O2", "-pthread", "-x", "c", "-", "-o"])
        .arg(output)
        .stdin(Stdio::piped())
        .spawn()?;
    compiler.stdin.take().expect("stdin is piped").write_all(SHIM_SOURCE.as_bytes())?;
    let status = compiler.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cc: {status}"))) }
}
