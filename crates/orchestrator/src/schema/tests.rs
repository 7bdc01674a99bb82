use harmonic_types::{AgentName, RunBudget, RunId, Tier, ToolEffects};
use proptest::prelude::*;

use super::*;
use crate::agent::AgentProfile;
use crate::approval::AskPolicy;
use crate::graph::GraphRules;
use crate::lineage::Lineage;
use crate::partial::{PartialPlan, PlanPart};
use crate::spec::{CountedText, RunClass};

fn spec(may_answer: bool, places: u32, with_tools: bool) -> RunSpec {
    let agent = |name: &str, tier| AgentProfile {
        name: AgentName::from(name),
        tier,
        role: "works".to_owned(),
        prompt: "You work.".to_owned(),
        prompt_tokens: 4,
        overhead_tokens: 80,
        context: 8_192,
        parameters: None,
        tools: Vec::new(),
    };
    let tool = |name: &str, input_schema| ToolSpec {
        name: name.to_owned(),
        description: "does".to_owned(),
        input_schema,
        effects: ToolEffects::ReadOnly,
    };
    let tools = [
        tool("a.read", object(&[("path", json!({"type": "string", "maxLength": 9}))])),
        tool("a.any", json!({"type": "object", "$defs": {}, "properties": {}})),
    ];
    RunSpec {
        id: RunId("run".to_owned()),
        started_ms: 0,
        goal: CountedText { text: "goal".to_owned(), tokens: 2 },
        brief: None,
        approach: Approach::Plan {
            may_answer,
            fallback: TaskGraph::new(Vec::new()),
            recipe: "split".to_owned(),
        },
        agents: vec![agent("boss", Tier::Executive), agent("worker", Tier::Specialists)],
        executive: "boss".into(),
        operator: None,
        tools: if with_tools { tools.to_vec() } else { Vec::new() },
        granted: Vec::new(),
        ask: AskPolicy::Write,
        budget: RunBudget::default(),
        has_meter: false,
        class: RunClass::Interactive,
        places,
        seed: 0,
        lineage: Lineage::default(),
        ignore_eos: false,
        limits: RunLimits::default(),
    }
}

/// A source of choices.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    /// A value that is valid under `schema`, as a model that writes noise would give it.
    fn instance(&mut self, schema: &Value, root: &Value) -> Value {
        let number = |key: &str| {
            schema.get(key).and_then(Value::as_u64).map(|n| usize::try_from(n).unwrap())
        };
        if let Some(Value::String(path)) = schema.get("$ref") {
            return self.instance(root.pointer(&path[1..]).unwrap(), root);
        }
        for key in ["anyOf", "enum"] {
            if let Some(Value::Array(options)) = schema.get(key) {
                let option = &options[self.below(options.len())];
                return if key == "enum" { option.clone() } else { self.instance(option, root) };
            }
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        match schema["type"].as_str().unwrap() {
            "object" => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let fields = properties.into_iter().flatten();
                Value::Object(
                    fields.map(|(key, value)| (key.clone(), self.instance(value, root))).collect(),
                )
            }
            "array" => {
                let positions = schema.get("prefixItems").and_then(Value::as_array);
                let most = positions.map_or_else(|| number("maxItems").unwrap(), Vec::len);
                let least = number("minItems").unwrap_or(0);
                let length = least + self.below(most - least + 1);
                let item =
                    |at: usize| positions.map_or_else(|| &schema["items"], |items| &items[at]);
                (0..length).map(|at| self.instance(item(at), root)).collect()
            }
            "string" => {
                let letters: Vec<char> = "ab\"\\{}[],:é\u{1}\n \t😀".chars().collect();
                let least = number("minLength").unwrap_or(0);
                let most = number("maxLength").unwrap().min(least + 30);
                let length = least + self.below(most - least + 1);
                (0..length).map(|_| letters[self.below(letters.len())]).collect::<String>().into()
            }
            other => panic!("no instance of {other}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_plan_of_noise_under_the_schema_is_in_range(
        seed: u64,
        may_answer: bool,
        places in 1_u32..12,
        with_tools: bool,
    ) {
        let spec = spec(may_answer, places, with_tools);
        let schema = plan_schema(&spec);
        let text = Noise(seed).instance(&schema, &schema).to_string();
        let mut partial = PartialPlan::default();
        let parts = partial.push(&text);
        match Plan::parse(&text, spec.limits.tasks) {
            Ok(Plan::Answer(answer)) => {
                prop_assert!(may_answer && !answer.is_empty());
                prop_assert_eq!(parts, [PlanPart::AnswersAlone]);
            }
            Ok(Plan::Team(graph)) => {
                let read: Vec<_> = graph.tasks.iter().cloned().map(|task| PlanPart::Task(Ok(task))).collect();
                prop_assert_eq!(parts, read);
                if let Err(GraphErrors(faults)) = GraphRules::of(&spec).check(&graph) {
                    prop_assert!(faults.iter().all(|fault| fault.kind == FaultKind::Sense), "{faults:?}");
                }
            }
            Err(errors) => prop_assert!(false, "{errors} in {text}"),
        }
    }
}

#[test]
fn arguments_of_tools_whose_schemas_refer_to_definitions_are_any_object() {
    let spec = spec(false, 4, true);
    assert_eq!(arguments(&spec.tools[1]), json!({"type": "object"}));
    assert_eq!(arguments(&spec.tools[0]), spec.tools[0].input_schema);
}
