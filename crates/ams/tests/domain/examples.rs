use std::path::Path;

use ams::Settings;

#[test]
fn example_settings_files_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/config");
    let mut loaded = 0;
    for file in fs_err::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("ams-")
        {
            let settings = Settings::load(&path).unwrap();
            assert_eq!(settings.listen_address.port(), 8444);
            loaded += 1;
        }
    }
    assert!(loaded >= 3);
}
