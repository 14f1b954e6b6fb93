//! `plan`: the numbers are those of the functions that size the firmware's arrays.

use nanocurv::kfac::{Bias, Inverse};
use nanocurv::laplace::{self, Structure};
use nanocurv::network::{Activation, Layer, forward_scratch, layer};
use nanocurv::{curvature, kfac, ntk};
use serde_json::Value;

use crate::{nanocurv, reference, run};

const NET: [&str; 5] = ["plan", "--arch", "4-8-8-1", "--activation", "tanh"];

const LAYERS: [Layer; 3] = [
    Layer::new(4, 8, Activation::Tanh),
    Layer::new(8, 8, Activation::Tanh),
    Layer::new(8, 1, Activation::Identity),
];

/// The result of `plan` with these further arguments.
fn plan(args: &[&str], code: i32) -> Value {
    let mut command = nanocurv();
    command.args(NET).args(args).args(["--format", "json", "--quiet"]);
    serde_json::from_str(&run(&mut command, code).0).unwrap()
}

/// The part of the memory of that name and kind.
fn part(plan: &Value, name: &str, kind: &str) -> Value {
    let parts = plan["memory"].as_array().unwrap();
    let part = parts.iter().find(|part| part["name"] == name && part["kind"] == kind);
    part.unwrap_or_else(|| panic!("{name} {kind} in {plan}")).clone()
}

#[test]
fn sizes_are_those_of_the_library() {
    for (batch, samples) in [("1", 1), ("8", 8), ("32", 32)] {
        for (dtype, bytes) in [("f32", 4), ("f64", 8)] {
            let plan = plan(&["--batch", batch, "--dtype", dtype], 0);
            for (name, kind, values) in [
                ("network", "parameters", layer::params(&LAYERS)),
                ("inputs", "batch", 4 * samples),
                ("forward", "scratch", forward_scratch(&LAYERS, samples)),
                ("ntk", "scratch", ntk::scratch(&LAYERS, samples)),
                ("ntk", "result", samples * samples),
                ("jacobian", "scratch", ntk::jacobian_scratch(&LAYERS, samples)),
                ("ggn", "scratch", curvature::ggn_scratch(&LAYERS, samples)),
                ("hessian", "scratch", curvature::hessian_scratch(&LAYERS, samples)),
                ("factors", "scratch", kfac::accumulate_scratch(&LAYERS, samples)),
                ("factors", "result", kfac::factors_len(&LAYERS)),
                ("kfac step", "state", kfac::optimizer_len(&LAYERS, Inverse::Factored)),
                (
                    "kfac step",
                    "scratch",
                    kfac::optimizer_scratch(&LAYERS, Inverse::Factored, samples),
                ),
                ("ekfac step", "state", kfac::optimizer_len(&LAYERS, Inverse::Corrected)),
                (
                    "ekfac step",
                    "scratch",
                    kfac::optimizer_scratch(&LAYERS, Inverse::Corrected, samples),
                ),
                ("adam step", "state", kfac::adam_len(layer::params(&LAYERS))),
            ] {
                let part = part(&plan, name, kind);
                assert_eq!(part["values"], values, "{name} {kind} {batch}");
                assert_eq!(part["bytes"], bytes * values, "{name} {kind} {batch}");
            }
        }
    }
}

#[test]
fn a_posterior_is_counted_where_it_lies() {
    let without = plan(&["--task", "forward"], 0);
    for (name, structure, row) in [
        ("kron", Structure::Kronecker(Bias::Joint), "laplace kronecker"),
        ("full", Structure::Full, "laplace full"),
        ("diagonal", Structure::Diagonal, "laplace diagonal"),
    ] {
        // In f32, which is the default here.
        let plan = plan(&["--task", "forward", "--posterior", name], 0);
        let numbers = laplace::posterior_len(&LAYERS, structure);
        assert_eq!(part(&plan, "posterior", "constant")["bytes"], 4 * numbers, "{name}");
        let scratch = laplace::predict_one_scratch(&LAYERS, structure);
        assert_eq!(part(&plan, row, "scratch")["values"], scratch, "{name}");
        let flash = |plan: &Value| plan["flash"].as_u64().unwrap();
        assert!(flash(&plan) >= flash(&without) + 4 * numbers as u64, "{name}");
    }
}

#[test]
fn tasks_in_turn_share_their_scratch_and_states_add_up() {
    let one = |task: &str| plan(&["--dtype", "f32", "--task", task], 0);
    let (forward, ntk, both) = (one("forward"), one("ntk"), one("forward,ntk"));
    let bytes =
        |plan: &Value, name: &str, kind: &str| part(plan, name, kind)["bytes"].as_u64().unwrap();
    let lasting = 4 * (121 + 32);
    let stack = |plan: &Value| {
        let rows = plan["measured"].as_array().unwrap();
        rows.iter().map(|row| row["stack"].as_u64().unwrap()).max().unwrap()
    };
    let code = |plan: &Value| {
        let rows = plan["measured"].as_array().unwrap();
        rows.iter().map(|row| row["flash"].as_u64().unwrap()).sum::<u64>()
    };
    let results = |names: &[&str]| names.iter().map(|n| bytes(&both, n, "result")).sum::<u64>();
    let scratch = |name: &str| bytes(&both, name, "scratch");
    assert_eq!(
        forward["ram"],
        lasting + results(&["forward"]) + scratch("forward") + stack(&forward)
    );
    assert_eq!(
        both["ram"],
        lasting
            + results(&["forward", "ntk"])
            + scratch("forward").max(scratch("ntk"))
            + stack(&both)
    );
    assert_eq!(stack(&both), stack(&forward).max(stack(&ntk)));
    assert_eq!(both["flash"], 4 * 121 + code(&both));
    assert_eq!(code(&both), code(&forward) + code(&ntk));

    let adam = plan(&["--dtype", "f32", "--task", "forward", "--optimizer", "adam"], 0);
    assert_eq!(part(&adam, "adam step", "state")["counted"], true);
    assert_eq!(part(&adam, "kfac step", "state")["counted"], false);
    let more = adam["ram"].as_u64().unwrap() - forward["ram"].as_u64().unwrap();
    assert!(more >= bytes(&adam, "adam step", "state") + bytes(&adam, "targets", "batch"));
}

#[test]
fn figures_are_measured_or_say_what_they_were_measured_on() {
    let plan_of = |args: &[&str]| plan(args, 0)["measured"][0].clone();
    let exact = plan_of(&["--task", "ntk"]);
    assert_eq!(
        (&exact["exact"], &exact["measured_as"]),
        (&true.into(), &"ntk 4-8-8-1 batch 8".into())
    );
    assert!(exact["instructions"].is_u64());
    let other = plan_of(&["--task", "ntk", "--batch", "3"]);
    assert_eq!(other["exact"], false);
    assert_eq!(other["flash"], exact["flash"]);
    assert_eq!(other["instructions"], "-");
    let small = plan_of(&["--task", "ntk", "--opt-level", "s"]);
    assert!(small["flash"].as_u64() < exact["flash"].as_u64());
    let mut command = nanocurv();
    command.args(NET).args(["--dtype", "f32", "--task", "forward,hessian"]);
    let (_, stderr) = run(&mut command, 0);
    assert!(stderr.contains("code and stack of hessian are not"), "{stderr}");
}

#[test]
fn the_optimizer_of_kfac_has_a_measured_row() {
    let plan = plan(&["--dtype", "f32", "--task", "forward", "--optimizer", "kfac"], 0);
    let row = &plan["measured"][1];
    assert_eq!(row["measured_as"], "kfac optimizer step 4-8-8-1 batch 8");
    assert_eq!(row["exact"], true);
    let table = include_str!("../../cli/data/budgets.csv");
    let line = table.lines().find(|l| l.starts_with("kfac optimizer step 4-8-8-1 batch 8,"));
    let scratch: u64 = line.unwrap().rsplit(',').next().unwrap().parse().unwrap();
    assert_eq!(part(&plan, "kfac step", "scratch")["bytes"], scratch);
}

#[test]
fn what_does_not_fit_exits_with_1_and_says_by_how_much() {
    let args = ["--dtype", "f32", "--task", "ntk"];
    let free = plan(&args, 0);
    assert_eq!(free.get("fits"), None);
    let (ram, flash) = (free["ram"].as_u64().unwrap(), free["flash"].as_u64().unwrap());
    for (ram_less, flash_less) in [(0, 0), (1, 0), (0, 1), (7, 9)] {
        let (ram_limit, flash_limit) = (ram - ram_less, flash - flash_less);
        let limits = ["--ram", &ram_limit.to_string(), "--flash", &flash_limit.to_string()];
        let fits = ram_less + flash_less == 0;
        let result = plan(&[&args[..], &limits].concat(), i32::from(!fits));
        assert_eq!(result["fits"], fits);
        assert_eq!(
            (&result["ram_limit"], &result["flash_limit"]),
            (&ram_limit.into(), &flash_limit.into())
        );
        let mut command = nanocurv();
        command.args(NET).args(args).args(limits);
        let (stdout, _) = run(&mut command, i32::from(!fits));
        let says = |what: &str, less: u64| match less {
            0 => stdout.contains(&format!("{what}: ")) && stdout.contains("bytes, 0 left"),
            _ => stdout.contains(&format!(
                "do not fit {}, {less} too many",
                if what == "ram" { ram_limit } else { flash_limit }
            )),
        };
        assert!(says("ram", ram_less) && says("flash", flash_less), "{stdout}");
    }
    assert_eq!(
        plan(&[&args[..], &["--ram", "64k", "--flash", "1M"]].concat(), 0)["ram_limit"],
        65536
    );
}

#[test]
fn a_file_is_planned_as_its_architecture() {
    let mut command = nanocurv();
    command.args(["plan", "--activation", "tanh", "--format", "json", "--quiet", "--net"]);
    command.arg(reference("real/digits_64-32-16-10_tanh.safetensors"));
    let of_file: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
    let mut command = nanocurv();
    command.args(["plan", "--activation", "tanh", "--arch", "64-32-16-10"]);
    let of_arch = run(command.args(["--format", "json", "--quiet"]), 0).0;
    assert_eq!(of_file, serde_json::from_str::<Value>(&of_arch).unwrap());
    let biased = plan(&[], 0);
    assert_eq!(part(&biased, "network", "parameters")["values"], 121);
    assert_eq!(part(&plan(&["--no-bias"], 0), "network", "parameters")["values"], 104);
}

#[test]
fn nonsense_is_refused() {
    for (args, part) in [
        (&["plan", "--arch", "4-0-1", "--activation", "tanh"][..], "'0'"),
        (&["plan", "--arch", "4", "--activation", "tanh"], "at least two widths"),
        (&["plan", "--arch", "4-8-8-1"], "give --activation"),
        (
            &["plan", "--arch", "4-8-8-1", "--activation", "tanh,relu,tanh"],
            "found 3 names, needed 2",
        ),
        (
            &["plan", "--arch", "4-8-1", "--activation", "tanh", "--net", "a.npz"],
            "cannot be used with",
        ),
        (&["plan", "--activation", "tanh"], "--net"),
        (&["plan", "--net", "no.npz", "--no-bias"], "--no-bias"),
        (&["plan", "--arch", "4-1", "--batch", "0"], "--batch"),
        (&["plan", "--arch", "4-1", "--batch", "65537"], "--batch"),
        (&["plan", "--arch", "4-1", "--ram", "many"], "needed bytes"),
        (&["plan", "--arch", "4-1", "--task", "cook"], "--task"),
        (&["plan", "--arch", "4-1", "--optimizer", "best"], "--optimizer"),
        (&["plan", "--arch", "4-1", "--out", "a.txt"], "extension"),
    ] {
        let (stdout, stderr) = run(nanocurv().args(args), 2);
        assert!(stderr.contains(part), "{args:?}: {stderr}");
        assert_eq!(stdout, "");
    }
}
