//! The targets of `amc application export`.

use std::{
    fs::File,
    os::unix::fs::{FileTypeExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::{self, JoinHandle},
};

use aar_testkit::{Package, TestAms};

/// An AMS with an application, and the image of the application's version.
fn ams() -> (TestAms, Vec<u8>) {
    let ams = TestAms::start();
    Package::new("game").write_folder(&ams.base().join("game"));
    ams.amc(&["application", "create", "game"]).success();
    let image = fs_err::read(ams.export("game", 0)).unwrap();
    (ams, image)
}

fn export(ams: &TestAms, to: &str) -> Command {
    let mut export = ams.amc_command();
    export.args(["application", "export", "game", "0", to]);
    export
}

fn exported(ams: &TestAms, to: &str) -> Output {
    let output = export(ams, to).output().unwrap();
    assert!(output.status.success(), "{to}: {output:?}");
    output
}

/// Creates a named pipe and reads it to its end.
fn pipe(ams: &TestAms) -> (PathBuf, JoinHandle<Vec<u8>>) {
    let path = ams.base().join("pipe");
    let created = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(created.success());
    let from = path.clone();
    (path, thread::spawn(move || fs_err::read(from).unwrap()))
}

fn is_pipe(path: &Path) -> bool {
    path.symlink_metadata().unwrap().file_type().is_fifo()
}

#[test]
fn export_to_a_pipe_reaches_its_reader() {
    let (ams, image) = ams();
    let (pipe, reader) = pipe(&ams);
    exported(&ams, "pipe");
    assert!(is_pipe(&pipe), "the pipe was replaced");
    assert_eq!(reader.join().unwrap(), image);
}

#[test]
fn export_to_a_link_writes_its_target() {
    let (ams, image) = ams();
    let folder = ams.base().join("folder");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("old"), "before").unwrap();
    for (link, to) in [("first", "folder/old"), ("second", "folder/new")] {
        symlink(to, ams.base().join(link)).unwrap();
        exported(&ams, link);
        let link = ams.base().join(link);
        assert_eq!(link.read_link().unwrap(), Path::new(to));
        assert_eq!(fs_err::read(ams.base().join(to)).unwrap(), image);
    }
    assert_eq!(fs_err::read_dir(folder).unwrap().count(), 2);
}

#[test]
fn export_to_a_link_to_a_pipe_reaches_its_reader() {
    let (ams, image) = ams();
    let (pipe, reader) = pipe(&ams);
    symlink("pipe", ams.base().join("link")).unwrap();
    exported(&ams, "link");
    assert!(is_pipe(&pipe), "the pipe was replaced");
    assert!(ams.base().join("link").is_symlink());
    assert_eq!(reader.join().unwrap(), image);
}

#[test]
fn export_to_standard_output_prints_only_the_image() {
    let (ams, image) = ams();
    let output = exported(&ams, "-");
    assert_eq!(output.stdout, image);
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(note.starts_with("exported to standard output ("), "{note}");
    assert!(!ams.base().join("-").exists());
}

#[test]
fn export_to_standard_output_appends_to_a_redirected_file() {
    let (ams, image) = ams();
    let path = ams.base().join("all");
    fs_err::write(&path, "before").unwrap();
    let end = File::options().append(true).open(&path).unwrap();
    let mut export = export(&ams, "-");
    let done = export.stdout(end).stderr(Stdio::null()).status();
    assert!(done.unwrap().success());
    let all = [b"before", &image[..]].concat();
    assert_eq!(fs_err::read(path).unwrap(), all);
}
