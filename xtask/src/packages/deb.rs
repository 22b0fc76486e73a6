//! Builds the Debian packages with `dpkg-deb` from programs that are built already.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::command::{output, root, run, run_quietly, target_dir};

/// Each service and the programs of its package.
const PACKAGES: [(&str, &[&str]); 2] = [("aar", &["aar"]), ("ams", &["ams", "amc"])];
const MAINTAINER_SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Packages the programs of a profile; returns the paths of the packages.
pub(super) fn build(profile: &str) -> Result<Vec<PathBuf>> {
    let programs = target_dir().join(profile);
    // The packages of the tests are installed once: compressing them well would take minutes.
    let compression = if profile == "debug" { "-Znone" } else { "-Zxz" };
    PACKAGES
        .iter()
        .map(|(service, names)| build_one(service, names, &programs, compression))
        .collect()
}

fn build_one(service: &str, names: &[&str], programs: &Path, compression: &str) -> Result<PathBuf> {
    let tree = target_dir().join("packages").join(service);
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    for name in names {
        install_program(&programs.join(name), name, &tree)?;
    }
    let unit = root().join(format!("packaging/systemd/{service}.service"));
    install(&unit, &tree.join("usr/lib/systemd/system"), "0644")?;
    let copyright = tree.join(format!("usr/share/doc/anbox-{service}/copyright"));
    install_as(&root().join("LICENSE"), &copyright, "0644")?;
    let file_name = write_control(service, names, &tree)?;

    let package = target_dir().join("packages").join(file_name);
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", compression, "--build"]);
    run(pack.arg(&tree).arg(&package))?;
    Ok(package)
}

fn install_program(program: &Path, name: &str, tree: &Path) -> Result<()> {
    let installed = tree.join("usr/bin").join(name);
    install_as(program, &installed, "0755")?;
    run_quietly(Command::new("strip").arg(&installed))?;
    for (shell, file) in [
        ("bash", format!("bash-completion/completions/{name}")),
        ("fish", format!("fish/vendor_completions.d/{name}.fish")),
        ("zsh", format!("zsh/vendor-completions/_{name}")),
    ] {
        let script = output(Command::new(program).args(["completion", shell]))?;
        let source = tree.with_extension("completion");
        fs::write(&source, script)?;
        install_as(&source, &tree.join("usr/share").join(file), "0644")?;
    }
    Ok(())
}

/// Writes the folder `DEBIAN`; returns the file name of the package.
fn write_control(service: &str, names: &[&str], tree: &Path) -> Result<String> {
    let source = root().join("packaging/deb").join(service);
    let folder = tree.join("DEBIAN");
    for script in MAINTAINER_SCRIPTS {
        install(&source.join(script), &folder, "0755")?;
    }
    let mut sums = Command::new("sh");
    sums.args(["-c", "find usr -type f -exec md5sum {} + > DEBIAN/md5sums"]);
    run_quietly(sums.current_dir(tree))?;

    let version = concat!(env!("CARGO_PKG_VERSION"), "-1");
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let size = output(Command::new("du").args(["-sk", "usr"]).current_dir(tree))?;
    let size = size.split('\t').next().context("du printed no size")?;
    let template = fs::read_to_string(source.join("control"))?;
    let fields = template
        .split_inclusive('\n')
        .filter(|line| !line.starts_with('#'));
    let fields: String = fields.collect();
    let control = fields
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture.trim())
        .replace("@LIBRARIES@", &libraries(names, tree)?)
        .replace("@SIZE@", size);
    fs::write(folder.join("control"), control)?;
    Ok(format!(
        "anbox-{service}_{version}_{}.deb",
        architecture.trim()
    ))
}

/// The packages of the shared libraries that the programs are linked to.
fn libraries(names: &[&str], tree: &Path) -> Result<String> {
    // The tool insists on the control file of a source package.
    let source = tempfile::tempdir()?;
    fs::create_dir(source.path().join("debian"))?;
    fs::write(source.path().join("debian/control"), "Source: anbox\n")?;
    let mut tool = Command::new("dpkg-shlibdeps");
    tool.arg("-O").current_dir(source.path());
    tool.args(names.iter().map(|name| tree.join("usr/bin").join(name)));
    let printed = output(&mut tool)?;
    let libraries = printed.trim().strip_prefix("shlibs:Depends=");
    Ok(libraries
        .with_context(|| format!("dpkg-shlibdeps printed: {printed}"))?
        .to_owned())
}

/// Copies a file into a folder, which `install` creates with the mode that packages need, whatever the
/// umask is.
fn install(file: &Path, folder: &Path, mode: &str) -> Result<()> {
    let name = file.file_name().context("the path has no file name")?;
    install_as(file, &folder.join(name), mode)
}

fn install_as(file: &Path, target: &Path, mode: &str) -> Result<()> {
    let mut install = Command::new("install");
    run_quietly(install.args(["-D", "-m", mode]).arg(file).arg(target))
}
