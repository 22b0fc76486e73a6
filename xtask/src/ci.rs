//! `cargo xtask ci`: every check that a change has to pass.
//!
//! Stages that compile keep every core busy, so downloads run beside them. Tests mostly wait, so the
//! optimised build and the charms' tests run beside them.

use anyhow::Result;

use crate::{
    bench, command, demo, generate, instructions, lint, packages, soak, stages::Stages, test,
};

pub(crate) fn run() -> Result<()> {
    let mut stages = Stages::new();
    let result = run_stages(&mut stages);
    eprintln!("\n{stages}");
    result
}

fn run_stages(stages: &mut Stages) -> Result<()> {
    let python = Stages::spawn("Python packages (rest)", || {
        test::charms::environment()?;
        packages::environment().map(drop)
    });
    stages.run("format, dependencies, architecture", lint::quick)?;
    stages.run("clippy", lint::clippy)?;
    stages.run("documentation", lint::documentation)?;
    stages.run("build of programs", command::build_programs)?;
    stages.run("build of tests", test::build)?;
    stages.run("generated files", || {
        generate::run(&generate::Args { check: true })
    })?;

    let optimized = Stages::spawn("optimised build (rest)", || {
        command::run_in_background(&mut bench::build(instructions::PROFILE))
    });
    stages.join(python)?;
    let charms = Stages::spawn("charms (rest)", test::charms::test_in_background);
    stages.run_tests("tests", test::rust)?;
    stages.run_tests("end-to-end tests with a bucket", test::bucket)?;
    stages.run_tests("soak", soak::check)?;
    stages.join(charms)?;
    stages.run("packages", packages::test)?;
    stages.run("demo, five times", demo::check)?;
    stages.join(optimized)?;
    // Whether it works; a shared machine cannot measure how fast it is.
    stages.run("benchmark", || {
        bench::run_built(instructions::PROFILE, &["--quick".to_owned()])
    })?;
    stages.run("instructions", || {
        instructions::run(&instructions::Args::default())
    })
}
