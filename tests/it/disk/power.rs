//! The power goes: what the kernel had not written to the disk by then is gone.
//!
//! The store lies on an ext4 of its own in a file. A cut stops it without writing out its journal
//! (`EXT4_IOC_SHUTDOWN` with `NOLOGFLUSH`), as if the machine had gone; mounted again, it has what was
//! synced. A disk's own volatile cache is not part of this.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::proof::kill::{Ground, Plan, run};
use crate::store::child;

const CUTS: u64 = 25;

/// A file system that can lose power. Unmounted with the value.
struct Cuttable {
    directory: TempDir,
}

impl Cuttable {
    fn make() -> Self {
        let ground = Self { directory: TempDir::new().expect("a directory") };
        std::fs::create_dir(ground.mounted()).expect("made");
        let image = ground.image().display().to_string();
        does(Command::new("truncate").args(["--size", "128M", &image]));
        does(Command::new("mkfs.ext4").args(["-q", "-F", &image]));
        ground.mount();
        ground
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    fn mounted(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    fn mount(&self) {
        does(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.mounted()));
    }
}

impl Ground for Cuttable {
    fn path(&self) -> PathBuf {
        self.mounted().join("data")
    }

    fn end(&mut self, child: &mut Child) {
        // Stopped first: what it says from here on would be of a machine that is off.
        does(Command::new("kill").args(["-s", "STOP", &child.id().to_string()]));
        cut(&self.mounted());
        child.kill().expect("our own child");
    }

    fn again(&mut self) {
        does(Command::new("umount").arg(self.mounted()));
        self.mount();
    }
}

impl Drop for Cuttable {
    fn drop(&mut self) {
        // Lazily: a child that a failed test left may still stand on it.
        let _ = Command::new("umount").arg("--lazy").arg(self.mounted()).status();
    }
}

fn cut(mounted: &Path) {
    let script = "import fcntl, os, struct, sys\n\
                  fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    does(Command::new("python3").args(["-c", script]).arg(mounted));
}

#[track_caller]
fn does(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error} (./test installs it)"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} needs root and loop devices: {said}");
}

/// In a step of its own of `./test`, which says so where there are no root rights or loop devices.
#[test]
fn slow_nothing_acknowledged_is_lost_when_the_power_goes() {
    let survived = run(Plan { kills: CUTS, changes: 150, seed: 3 }, &mut Cuttable::make(), child);
    assert_eq!(survived.kills, CUTS, "{survived}");
    assert!(survived.total() >= 20 * 150, "{survived}");
}
