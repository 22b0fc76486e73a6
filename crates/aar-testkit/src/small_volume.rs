use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Folder, skip::skip};

/// A file system of a few MiB, which is unmounted on drop: ext4, or tmpfs where there are no loop devices.
#[derive(Debug)]
pub struct SmallVolume {
    mount: PathBuf,
    _folder: Folder,
}

impl SmallVolume {
    /// Mounts a file system of this size. Without the right to mount, the test is skipped.
    pub fn mount(test: &str, mebibytes: u64) -> Option<Self> {
        let folder = Folder::new("vol");
        let (image, mount) = (folder.join("image"), folder.join("mount"));
        fs_err::create_dir(&mount).unwrap();
        let file = fs_err::File::create(&image).unwrap();
        file.set_len(mebibytes << 20).unwrap();
        // Root gets no blocks of its own, so that the volume is full for every user alike.
        let made = run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(&image));
        let size = format!("size={mebibytes}m");
        let mounted = (made && run(&mut mount_command(&["-o", "loop"], &image, &mount)))
            || run(&mut mount_command(
                &["-t", "tmpfs", "-o", &size],
                "none".as_ref(),
                &mount,
            ));
        if !mounted {
            skip(test, "a small volume cannot be mounted: this needs root");
            return None;
        }
        Some(Self {
            mount,
            _folder: folder,
        })
    }

    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Writes a file until nothing more fits.
    pub fn fill(&self) -> PathBuf {
        let path = self.mount.join("filler");
        let mut file = fs_err::File::create(&path).unwrap();
        for piece in [1 << 20, 4096, 1] {
            let zeros = vec![0; piece];
            while file
                .write_all(&zeros)
                .and_then(|()| file.sync_data())
                .is_ok()
            {}
        }
        path
    }

    /// Creates empty files until the file system has no inodes left. Returns their folder.
    pub fn use_up_inodes(&self) -> PathBuf {
        let folder = self.mount.join("files");
        fs_err::create_dir(&folder).unwrap();
        let mut names = 0..;
        while fs_err::File::create(folder.join(names.next().unwrap_or(0).to_string())).is_ok() {}
        folder
    }

    /// Makes the file system read-only, or writable again. No file may be open for writing.
    pub fn set_read_only(&self, read_only: bool) {
        let options = if read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        assert!(run(Command::new("mount")
            .args(["-o", options])
            .arg(&self.mount)));
    }
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        // A process of the test may still be ending.
        run(Command::new("umount").arg("-l").arg(&self.mount));
    }
}

fn mount_command(options: &[&str], source: &Path, at: &Path) -> Command {
    let mut command = Command::new("mount");
    command.args(options).args([source, at]);
    command
}

fn run(command: &mut Command) -> bool {
    let done = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}
