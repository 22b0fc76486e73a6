use aar_testkit::{Package, TestAms};

use crate::{session::Session, terminal};

fn ams() -> TestAms {
    let ams = TestAms::start();
    let package = Package::new("game")
        .tagged("fun, created_by=anbox")
        .with("addons: [ssh]\nfeatures: [f]\nhooks: {timeout: 5m}")
        .with("services: [{name: ssh, port: 22, protocols: [tcp], expose: true}]")
        .with("resources: {cpus: 2, memory: 4GB}");
    package.write_folder(&ams.base().join("game"));
    Package::new("tool").write_zip(&ams.base().join("tool.zip"));
    ams
}

#[test]
fn applications_are_made_and_shown() {
    let ams = ams();
    Session::at(&ams)
        .run("application create game")
        .run("application create tool.zip --vm -t 1m")
        .listed("application list")
        .run("application ls -f name=game -f tags=fun --format csv")
        .run("application list -f vm=true -f status=ready --format csv")
        .shown("application show game")
        .run("wait game -c status=ready")
        .snapshot("applications_made_and_shown");
}

#[test]
fn applications_are_changed_and_removed() {
    let ams = ams();
    ams.amc(&["application", "create", "game"]).done();
    ams.amc(&["application", "create", "tool.zip"]).done();
    Session::at(&ams)
        .run("application update game game")
        .run("application set game tags new,eu")
        .run("application set game video-encoder software")
        .run("application set game inhibit_auto_updates true")
        .run("application set tool boot_activity com.example.Main")
        .run("application unset game addons")
        .run("application revoke game 0")
        .run("application publish game 0")
        .run("application list -f name=game --format csv")
        .run("application export game 0 game.image")
        .run("application delete game --version 0 -y")
        .refused("wait game -c status=ready -s version=0")
        .answered("no", "application delete -a", 1)
        .run("application delete game -y --no-wait")
        .answered("yes", "application delete tool", 0)
        .run("application delete -a -y")
        .run("application list")
        .snapshot("applications_changed_and_removed");
}

#[test]
fn what_is_wrong_with_applications_is_said() {
    let ams = ams();
    ams.amc(&["application", "create", "tool.zip"]).done();
    fs_err::write(ams.base().join("garbage.zip"), "PK garbage").unwrap();
    let bad = ams.base().join("bad");
    fs_err::create_dir(&bad).unwrap();
    let manifest = "name: bad name\ninstance-type: a99.3\nvideo-encoder: cpu\n";
    fs_err::write(bad.join("manifest.yaml"), manifest).unwrap();
    Session::at(&ams)
        .refused(
            "application create tool.zip
             application create garbage.zip
             application create bad
             application show nothing
             application update nothing tool.zip
             application update tool garbage.zip
             application set nothing tags a
             application set tool instance-type a99.3
             application set tool video-encoder cpu
             application set tool inhibit_auto_updates perhaps
             application set tool resources.cpus many
             application set tool services [{name:a}]
             application unset tool image
             application unset nothing tags
             application publish tool 7
             application publish nothing 0
             application revoke tool 7
             application export tool 7
             application export tool 0 missing/x
             application delete nothing -y
             application delete tool --version 7 -y
             application list -f status=asleep
             wait tool -c published=false -t 1ms
             wait nothing -c status=ready",
        )
        .misused("application publish tool latest")
        .misused("application list -f colour=red")
        .misused("application set tool colour red")
        .misused("wait tool -c colour=red")
        .misused("wait tool -c status=bogus")
        .misused("wait tool -c published=maybe")
        .misused("wait tool -c immutable=")
        .misused("wait tool -c instance-type=a99.3")
        .misused("wait tool -c tags=")
        .misused("wait tool -c status=ready -s version=-1")
        .snapshot("applications_refused");
}

#[test]
fn how_far_an_upload_is_is_drawn_for_people_only() {
    let ams = TestAms::start();
    let package = Package::new("big").noise("level.dat", 4 << 20, 1);
    package.write_zip(&ams.base().join("big.zip"));
    let mut create = ams.amc_command();
    create.args(["application", "create", "big.zip"]);
    let (code, screen) = terminal::watched(create);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("uploading ["), "{screen:?}");
    let updated = ams.amc(&["application", "update", "big", "big.zip"]);
    assert_eq!(
        (updated.code, updated.stderr.as_str()),
        (0, ""),
        "{updated:?}"
    );
    assert!(!updated.stdout.contains("MiB"), "{updated:?}");
}
