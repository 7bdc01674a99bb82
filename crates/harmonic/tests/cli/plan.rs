//! `harmonic plan`: the paper's exact figures, and the correct ones for comparison.

use crate::harness::{User, binary, ran};

/// First part of a plan, in the format of §5.4: title, agents by tier, total.
#[track_caller]
fn deployment(args: &str) -> String {
    let ran = User::new().run_at(100, format!("plan --stack standard {args}").split(' '));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{ran:?}");
    let mut lines = Vec::new();
    for line in ran.out.lines() {
        lines.push(line);
        if line.starts_with("Total:") {
            return lines.join("\n");
        }
    }
    panic!("there is no total: {ran:?}");
}

/// §5.4.
#[test]
fn the_papers_example_deployment_comes_out_to_the_digit() {
    let plan = deployment("--hardware dgx-spark --budget paper --sharing isolated");
    insta::assert_snapshot!(plan, @"
    DGX Spark (128GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            16x  (7.3GB)    qwen3:4b, 4096 tokens
      operator             16x  (7.3GB)    qwen3:4b, 4096 tokens
    [Tier 2: DIRECTORS]
      technical_director   12x  (11.2GB)   qwen3:8b, 8192 tokens
      research_director    12x  (11.2GB)   qwen3:8b, 8192 tokens
      creative_director    12x  (11.2GB)   qwen3:8b, 8192 tokens
    [Tier 3: SPECIALISTS]
      coder                 8x  (15.7GB)   qwen3:14b, 16384 tokens
      analyst               8x  (9.2GB)    qwen3:8b, 8192 tokens
    Total: 73.1GB / 108.8GB available
    ");
}

#[test]
fn shared_weights_are_counted_once() {
    let plan = deployment("--hardware dgx-spark --budget paper --sharing shared");
    insta::assert_snapshot!(plan, @"
    DGX Spark (128GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            16x  (4.8GB)    qwen3:4b, 4096 tokens
      operator             16x  (4.8GB)    qwen3:4b, 4096 tokens
    [Tier 2: DIRECTORS]
      technical_director   12x  (6.0GB)    qwen3:8b, 8192 tokens
      research_director    12x  (6.0GB)    qwen3:8b, 8192 tokens
      creative_director    12x  (6.0GB)    qwen3:8b, 8192 tokens
    [Tier 3: SPECIALISTS]
      coder                 8x  (15.7GB)   qwen3:14b, 16384 tokens
      analyst               8x  (4.0GB)    qwen3:8b, 8192 tokens
    [Weights, loaded once]
      qwen3:4b                  (2.5GB)    executive, operator
      qwen3:8b                  (5.2GB)    4 agents
    Total: 55.0GB / 108.8GB available
    ");
}

#[test]
fn the_strix_halo_follows_the_same_rule() {
    let plan = deployment("--hardware ryzen-ai-max-395 --budget paper --sharing isolated");
    insta::assert_snapshot!(plan, @"
    Ryzen AI MAX+ 395 (92GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            12x  (6.1GB)    qwen3:4b, 4096 tokens
      operator             12x  (6.1GB)    qwen3:4b, 4096 tokens
    [Tier 2: DIRECTORS]
      technical_director    9x  (9.7GB)    qwen3:8b, 8192 tokens
      research_director     9x  (9.7GB)    qwen3:8b, 8192 tokens
      creative_director     9x  (9.7GB)    qwen3:8b, 8192 tokens
    [Tier 3: SPECIALISTS]
      coder                 6x  (14.1GB)   qwen3:14b, 16384 tokens
      analyst               6x  (8.2GB)    qwen3:8b, 8192 tokens
    Total: 63.6GB / 78.2GB available
    ");
    let shared = deployment("--hardware ryzen-ai-max-395 --budget paper --sharing shared");
    assert!(shared.ends_with("Total: 45.5GB / 78.2GB available"), "{shared}");
}

/// True requirements of the paper's deployments: its KV per slot is too small for these contexts.
#[test]
fn exact_deployments_of_the_papers_machines_are_degraded() {
    let plan = deployment("--hardware dgx-spark --sharing isolated");
    insta::assert_snapshot!(plan, @"
    DGX Spark (128GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            16x  (12.2GB)   qwen3:4b, 4096 tokens
      operator             16x  (12.2GB)   qwen3:4b, 4096 tokens
    [Tier 2: DIRECTORS]
      technical_director   12x  (19.5GB)   qwen3:8b, 8192 tokens
      research_director    12x  (19.5GB)   qwen3:8b, 8192 tokens
      creative_director     7x  (13.5GB)   qwen3:8b, 8192 tokens  degraded
    [Tier 3: SPECIALISTS]
      coder                 4x  (19.7GB)   qwen3:14b, 16384 tokens  degraded
      analyst               4x  (9.9GB)    qwen3:8b, 8192 tokens  degraded
    Total: 108.4GB / 108.8GB available
    ");
    let plan = deployment("--hardware ryzen-ai-max-395 --sharing isolated");
    insta::assert_snapshot!(plan, @"
    Ryzen AI MAX+ 395 (92GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            12x  (9.7GB)    qwen3:4b, 4096 tokens
      operator              9x  (7.9GB)    qwen3:4b, 4096 tokens  degraded
    [Tier 2: DIRECTORS]
      technical_director    5x  (11.1GB)   qwen3:8b, 8192 tokens  degraded
      research_director     5x  (11.1GB)   qwen3:8b, 8192 tokens  degraded
      creative_director     5x  (11.1GB)   qwen3:8b, 8192 tokens  degraded
    [Tier 3: SPECIALISTS]
      coder                 3x  (17.1GB)   qwen3:14b, 16384 tokens  degraded
      analyst               3x  (8.7GB)    qwen3:8b, 8192 tokens  degraded
    Total: 78.2GB / 78.2GB available
    ");
}

#[test]
fn shared_weights_leave_room_for_exact_deployments() {
    let plan = deployment("--hardware dgx-spark");
    insta::assert_snapshot!(plan, @"
    DGX Spark (128GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            16x  (9.7GB)    qwen3:4b, 4096 tokens
      operator             16x  (9.7GB)    qwen3:4b, 4096 tokens
    [Tier 2: DIRECTORS]
      technical_director   12x  (14.5GB)   qwen3:8b, 8192 tokens
      research_director    12x  (14.5GB)   qwen3:8b, 8192 tokens
      creative_director    12x  (14.5GB)   qwen3:8b, 8192 tokens
    [Tier 3: SPECIALISTS]
      coder                 8x  (30.5GB)   qwen3:14b, 16384 tokens
      analyst               8x  (9.7GB)    qwen3:8b, 8192 tokens
    [Weights, loaded once]
      qwen3:4b                  (2.5GB)    executive, operator
      qwen3:8b                  (5.0GB)    4 agents
    Total: 104.2GB / 108.8GB available
    ");
    let plan = deployment("--hardware ryzen-ai-max-395");
    insta::assert_snapshot!(plan, @"
    Ryzen AI MAX+ 395 (92GB), stack standard:

    [Tier 1: EXECUTIVE]
      executive            12x  (7.2GB)    qwen3:4b, 4096 tokens
      operator             12x  (7.2GB)    qwen3:4b, 4096 tokens
    [Tier 2: DIRECTORS]
      technical_director    9x  (10.9GB)   qwen3:8b, 8192 tokens
      research_director     9x  (10.9GB)   qwen3:8b, 8192 tokens
      creative_director     9x  (10.9GB)   qwen3:8b, 8192 tokens
    [Tier 3: SPECIALISTS]
      coder                 6x  (25.1GB)   qwen3:14b, 16384 tokens
      analyst               6x  (7.2GB)    qwen3:8b, 8192 tokens
    [Weights, loaded once]
      qwen3:4b                  (2.5GB)    executive, operator
      qwen3:8b                  (5.0GB)    4 agents
    Total: 71.7GB / 78.2GB available
    ");
}

/// §5.3.
#[test]
fn the_papers_memory_table_comes_out_to_the_digit() {
    let user = User::new();
    let ran = user.run(["plan", "--budget", "paper", "--table"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.out, @"
     Model      Context   Base  KV/slot     @8x    @12x    @16x
    ────────────────────────────────────────────────────────────
     qwen3:4b       any  2.5GB    0.3GB   4.9GB   6.1GB   7.3GB
     qwen3:8b       any  5.2GB    0.5GB   9.2GB  11.2GB  13.2GB
     qwen3:14b      any  9.3GB    0.8GB  15.7GB  18.9GB  22.1GB
    ");
    let json = user.run(["plan", "--budget", "paper", "--table", "--json"]).json();
    assert_eq!(json["schema"], "harmonic.memory-table/1");
    assert_eq!(json["rows"][0]["totals"][2]["bytes"], 7_300_000_000_u64);
    let exact = user.run(["plan", "--table"]);
    insta::assert_snapshot!(exact.out, @"
     Model      Context   Base  KV/slot     @8x    @12x    @16x
    ────────────────────────────────────────────────────────────
     qwen3:4b      4096  2.5GB    0.6GB   7.5GB   9.9GB  12.3GB
     qwen3:8b      8192  5.0GB    1.2GB  14.9GB  19.7GB  24.5GB
     qwen3:14b    16384  9.0GB    2.7GB  30.7GB  41.4GB  52.2GB
    ");
}

#[test]
fn a_plan_explains_every_byte_and_what_sharing_saves() {
    let user = User::new();
    let args = "plan --stack standard --hardware dgx-spark --explain";
    let exact = user.run_at(100, args.split(' '));
    assert!(exact.out.lines().all(|line| line.chars().count() <= 100), "{exact:?}");
    let ledger = exact.out.split_once("Ledger\n").unwrap().1;
    insta::assert_snapshot!(ledger, @"
    qwen3-4b: qwen3:4b as Q4_K_M, 32 sequences for 32 slots
      weights   2.5 GB  file size according to the catalog
      KV       19.3 GB  131072 tokens in total, 4096 for each sequence; per token 147.5 kB: 36 layers
              × 8 KV heads × (128 + 128) × 2 bytes (f16)
      prefix  470.2 MB  cached system prompts of 2 agents, and conversations
      park    717.5 MB  saved state of preempted borrowers
      compute 115.1 MB  masks and activations of a batch of 512, logits of 32 outputs
      other    45.3 MB  threads, graph and vocabulary tables (estimate)
      sum      23.2 GB

    qwen3-8b: qwen3:8b as Q4_K_M, 32 sequences for 44 slots
      weights   5.0 GB  file size according to the catalog
      KV       38.7 GB  262144 tokens in total, 8192 for each sequence; per token 147.5 kB: 36 layers
              × 8 KV heads × (128 + 128) × 2 bytes (f16)
      prefix  939.0 MB  cached system prompts of 4 agents, and conversations
      park      1.4 GB  saved state of preempted borrowers
      compute 152.9 MB  masks and activations of a batch of 512, logits of 32 outputs
      other    45.3 MB  threads, graph and vocabulary tables (estimate)
      sum      46.3 GB

    qwen3-14b: qwen3:14b as Q4_K_M, 9 sequences for 8 slots
      weights   9.0 GB  file size according to the catalog
      KV       24.2 GB  147456 tokens in total, 16384 for each sequence; per token 163.8 kB: 40 layers
              × 8 KV heads × (128 + 128) × 2 bytes (f16)
      prefix  511.2 MB  cached system prompts of 1 agent, and conversations
      park    896.9 MB  saved state of preempted borrowers
      compute 184.4 MB  masks and activations of a batch of 512, logits of 9 outputs
      other    45.3 MB  threads, graph and vocabulary tables (estimate)
      sum      34.8 GB

    budget    108.8 GB: 85% of 128.0 GB, 19.2 GB reserved for the rest of the machine
    left      4.6 GB
    sharing   saves 32.7 GB: with one engine per agent, the same slots take 129.7 GB
    parallel  tier targets are 100%, 75%, 50% and a third of 16, rounded down, at least 1; 16 is from
              qwen3:4b on dgx-spark, from the paper (ollama/0.15): sweet spot 16x
    given up  in this order: slots, down to half of an agent's quota (0 agents); KV caches in q8_0,
              where measured and within bounds (0 engines); context, down to each agent's minimum (0);
              agents, from the lowest tier up (0). An agent's quota is what it may run at once without
              borrowing: its target of slots, or its part of the 32 in flight where the targets are
              more. Sequences beyond the slots are lent to whoever asks
    layout    qwen3-4b: streams, no more than a unified pool
    layout    qwen3-8b: streams, no more than a unified pool
    layout    qwen3-14b: streams, no more than a unified pool
    layout    streams if they fit the budget; `harmonic bench --layouts` measures both
    bandwidth 273 GB/s rated, 198 to 237 effective; the paper states 500
    ");
    let paper = user.run_at(100, args.split(' ').chain(["--budget", "paper"]));
    let saved = "saves 18.1 GB: with one engine per agent, the same slots take 73.1 GB";
    assert!(paper.out.contains(saved), "{paper:?}");
}

#[test]
fn a_plan_names_the_curves_it_used() {
    let user = User::new();
    let args = "plan --stack standard --hardware dgx-spark";
    let people = user.run(args.split(' ')).out;
    let named = "qwen3:4b on dgx-spark, from the paper (ollama/0.15): sweet spot 16x";
    assert!(people.contains(named), "{people}");
    let plan = user.run(args.split(' ').chain(["--json"])).json();
    assert_eq!(plan["curves"].as_array().unwrap().len(), 3);
    assert_eq!(plan["curves"][0]["provenance"], "paper");
    assert_eq!(plan["provenance"]["/hardware/peak_parallel"], "paper");
    let generic = user.run(["plan", "--hardware", "generic-64gb"]).out;
    assert!(generic.contains("using 8x, the profile's peak"), "{generic}");
}

/// Uses the starter model from the user's store, because a measured curve is bound to a file.
#[test]
fn a_measured_curve_takes_precedence() {
    let listed = ran(&mut binary(["models", "list"]));
    let store = listed.err.lines().find_map(|line| line.strip_prefix("store: ")).unwrap();
    let user = User::new();
    let plan = || {
        let args = ["plan", "--stack", "starter", "--hardware", "dgx-spark", "--json"];
        ran(user.harmonic(args).env("HARMONIC_MODELS", store)).json()
    };
    let digest = plan()["engines"][0]["digest"].clone();
    assert!(digest.is_string(), "`make test` pulls smollm2:135m first, and {store} lacks it");

    let curves = user.home().join(".local/share/harmonic/curves");
    std::fs::create_dir_all(&curves).unwrap();
    let curve = serde_json::json!({
        "schema": "harmonic.curve/1",
        "key": {"machine": "dgx-spark", "model": "smollm2:135m", "digest": digest,
                "format": "F16", "engine": harmonic_llama::BUILD, "context": 2048},
        "points": [{"parallel": 1, "tok_s": 87.0}, {"parallel": 20, "tok_s": 329.0}],
        "sweet_spot": 20,
        "provenance": "measured",
    });
    std::fs::write(curves.join("mine.json"), curve.to_string()).unwrap();
    // Curve of another build, whose name sorts later: the present build's takes precedence.
    let mut other = curve.clone();
    other["key"]["engine"] = "llama.cpp/0.0.1".into();
    other["sweet_spot"] = 1.into();
    std::fs::write(curves.join("zz-other.json"), other.to_string()).unwrap();
    let plan = plan();
    assert_eq!(plan["curves"][0]["key"]["engine"], harmonic_llama::BUILD);
    assert_eq!(plan["curves"][0]["provenance"], "measured");
    assert_eq!(
        (&plan["hardware"]["peak_parallel"], &plan["max_in_flight"]),
        (&20.into(), &20.into())
    );
    assert_eq!(plan["agents"][0]["slots"], 20);
}

#[test]
fn an_invalid_curve_or_tuned_config_is_skipped_with_a_warning() {
    let user = User::new();
    for folder in ["curves", "setups"] {
        let folder = format!(".local/share/harmonic/{folder}");
        std::fs::create_dir_all(user.home().join(&folder)).unwrap();
        user.file(&format!("{folder}/mine.json"), "{}");
    }
    let planned = user.run(["plan", "--hardware", "dgx-spark"]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    for word in
        ["curves/mine.json is skipped", "setups/mine.json is skipped", "invalid schema `null`"]
    {
        assert!(planned.err.contains(word), "{planned:?}");
    }
}

#[test]
fn what_if_changes_only_the_named_inputs() {
    let user = User::new();
    let plan = |what_if: &str| {
        let args = ["plan", "--stack", "standard", "--hardware", "dgx-spark", "--json"];
        let more = if what_if.is_empty() { vec![] } else { vec!["--what-if", what_if] };
        user.run(args.into_iter().chain(more)).json()
    };
    let (as_is, smaller) = (plan(""), plan("memory=64GB"));
    assert_eq!(as_is["hardware"]["memory_budget_bytes"], 108_800_000_000_u64);
    assert_eq!(smaller["hardware"]["memory_budget_bytes"], 54_400_000_000_u64);
    assert_eq!(smaller["hardware"]["peak_parallel"], 16);
    assert!(smaller["agents"].as_array().unwrap().iter().any(|a| a["status"] == "degraded"));

    let people = deployment("--hardware dgx-spark --what-if memory=64GB");
    assert!(people.starts_with("DGX Spark (64GB), stack standard, if memory=64GB:"), "{people}");

    let shorter = plan("context=2048,kv=q8_0");
    assert!(shorter["agents"].as_array().unwrap().iter().all(|a| a["context"] == 2048));
    // A slot of qwen3:4b with 2048 tokens is 0.160 GB in q8_0: docs/sources.md#kv-per-token.
    let executive = &shorter["agents"][0];
    assert_eq!(executive["kv_bytes"].as_u64().unwrap() / 16 / 1_000_000, 160);
    assert_eq!(shorter["engines"][0]["kv_type"], "q8_0");
}

#[test]
fn unplannable_inputs_are_named() {
    let user = User::new();
    user.run(["plan", "--hardware", "cray-1"]).refuses(&[
        "there is no machine profile `cray-1`",
        "dgx-spark",
        "generic-64gb",
    ]);
    user.run(["plan", "--what-if", "memory=64"]).refuses_usage("invalid memory size `64`");
    user.run(["plan", "--table", "--explain"]).refuses_usage("cannot be used with");
    user.run(["plan", "--stack", "starter", "--budget", "paper", "--table"])
        .refuses(&["declares no memory figures", "smollm2:135m"]);
}

#[test]
fn slots_that_were_asked_for_and_do_not_fit_are_named() {
    let slots = |hardware: &str, slots: &str| {
        ran(&mut binary(["plan", "--hardware", hardware, "--stack", "standard", "--slots", slots]))
    };
    let left_out = slots("generic-8gb", "coder=8");
    assert_eq!(left_out.code, Some(0), "{left_out:?}");
    insta::assert_snapshot!(left_out.err, @"
    warning: --slots coder=8 does not fit: left out: 1 slot of context 8192 would need 15.0 GB more
    hint: give other agents fewer with --slots, or use a smaller --context or stack
    ");
    let fewer = slots("generic-16gb", "executive=16");
    assert!(fewer.err.contains("--slots executive=16 does not fit: 1"), "{fewer:?}");
    assert_eq!(slots("dgx-spark", "coder=8").err, "");
}
