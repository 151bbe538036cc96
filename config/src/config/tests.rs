//! What a configuration is made of, from texts, flags and imagined machines.

use super::*;
use crate::DEFAULT_FILE;

fn machine() -> Machine {
    Machine {
        host_name: "Studio.local".into(),
        cores: 12,
        memory_bytes: 64 << 30,
        nexus_home: None,
        otlp_endpoint: None,
        data_folder: Some("/data/nexus".into()),
        cache_folder: None,
        config_folder: Some("/config/nexus".into()),
    }
}

fn resolve(text: &str) -> Result<Config, ConfigErrors> {
    Config::resolve(&RawConfig::parse(text)?, &Flags::default(), &machine())
}

fn messages(text: &str) -> Vec<String> {
    resolve(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_a_node_for_a_person_at_a_desk() {
    let config = resolve("").unwrap();
    assert_eq!(config.node().name(), "studio");
    assert_eq!(config.node().data(), Path::new("/data/nexus"));
    assert_eq!(config.node().listen().to_string(), "127.0.0.1:4747");
    assert!(config.node().discovery());
    assert_eq!(config.worker().slots(), 12);
    assert_eq!(config.worker().memory_bytes(), 48 << 30);
    assert_eq!(config.limits().remote(), LimitLevel::Medium);
    assert_eq!(config.log().level(), LogLevel::Info);
}

#[test]
fn the_documented_file_says_what_is_the_default_anyway() {
    assert_eq!(resolve(DEFAULT_FILE).unwrap(), resolve("").unwrap());
}

#[test]
fn the_documented_file_shows_every_setting() {
    // A setting whose default depends on the machine stands there as a comment: `# slots = 8`.
    let shown: String = DEFAULT_FILE
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let raw: toml::Table = shown.parse().unwrap();
    for key in keys::KEYS {
        let (section, name) = key.path.split_once('.').unwrap();
        assert!(raw[section].get(name).is_some(), "{} is not in nexus.toml", key.path);
    }
    let config = resolve(&shown).unwrap();
    assert_eq!((config.worker().slots(), config.worker().memory_bytes()), (8, 24 << 30));
}

#[test]
fn a_version_is_two_numbers() {
    assert_eq!(resolve("[node]\nprotocol = \"1.0\"").unwrap().node().protocol(), Some((1, 0)));
    for wrong in ["1.0", "1", "\"1\"", "\"one.two\"", "\"1.0.0\"", "\"1.-1\""] {
        let messages = messages(&format!("[node]\nprotocol = {wrong}"));
        assert!(messages[0].contains("node.protocol") && messages[0].contains("\"1.1\""), "{messages:?}");
    }
}

#[test]
fn what_is_unused_is_kept_for_a_time_with_a_unit() {
    assert_eq!(resolve("[node]\nkeep_unused = \"2d\"").unwrap().node().keep_unused().as_secs(), 172_800);
    for wrong in ["6", "\"6\"", "\"500ms\"", "\"never\"", "\"-1h\""] {
        let messages = messages(&format!("[node]\nkeep_unused = {wrong}"));
        assert!(messages[0].contains("node.keep_unused") && messages[0].contains("\"6h\""), "{messages:?}");
    }
}

#[test]
fn spans_go_where_the_file_says_or_else_the_environment() {
    let from = |text: &str, environment: Option<&str>| {
        let machine = Machine { otlp_endpoint: environment.map(str::to_owned), ..machine() };
        let config = Config::resolve(&RawConfig::parse(text).unwrap(), &Flags::default(), &machine).unwrap();
        config.telemetry().otlp().map(str::to_owned)
    };
    let file = "[telemetry]\notlp = \"http://file:4318\"";
    assert_eq!(from("", None), None);
    assert_eq!(from("", Some("http://environment")).as_deref(), Some("http://environment"));
    assert_eq!(from(file, Some("http://environment")).as_deref(), Some("http://file:4318"));
    assert_eq!(from("[telemetry]\notlp = \"off\"", Some("http://environment")), None);
    assert!(messages("[telemetry]\notlp = 4318")[0].contains("telemetry.otlp"));
}

#[test]
fn a_collector_gets_what_it_is_to_get() {
    let telemetry = |text: &str| resolve(text).unwrap().telemetry().clone();
    let all = telemetry("");
    assert_eq!((all.traces(), all.logs(), all.metrics_every()), (true, true, Some(Duration::from_secs(60))));
    let some = telemetry("[telemetry]\nsignals = [\"metrics\"]\nmetrics_every = \"5s\"\n");
    assert_eq!((some.traces(), some.logs(), some.metrics_every()), (false, false, Some(Duration::from_secs(5))));
    assert_eq!(telemetry("[telemetry]\nsignals = [\"logs\"]\n").metrics_every(), None);
    for wrong in ["signals = [\"spans\"]", "signals = \"traces\"", "metrics_every = \"5ms\"", "metrics_every = 5"] {
        let message = &messages(&format!("[telemetry]\n{wrong}\n"))[0];
        assert!(message.contains(wrong.split(' ').next().unwrap()), "{wrong}: {message}");
    }
}

#[test]
fn the_optimiser_takes_its_settings_and_names_what_is_out_of_bounds() {
    let config = resolve(
        "[optimizer]\nenabled = false\nexploration_rate = 0\nlearning_rate = 0.5\nmemory_size = 7\nbatch_size = 8\n\
         update_interval = 9\nmodel_path = \"/data/learned.json\"\nexploration_budget = 0.1\n",
    )
    .unwrap();
    let expected = OptimizerConfig {
        enabled: false,
        exploration_rate: 0.0,
        learning_rate: 0.5,
        memory_size: 7,
        batch_size: 8,
        update_interval: 9,
        model_path: Some("/data/learned.json".into()),
        exploration_budget: 0.1,
    };
    assert_eq!(config.optimizer(), &expected);
    assert_eq!(
        messages("[optimizer]\nenabled = 1\nlearning_rate = 0\nmemory_size = 0\nmodel_path = \"here\"\n"),
        [
            "`optimizer.enabled` is 1; it can be true or false",
            "`optimizer.learning_rate` is 0; it can be a number from 0.001 to 1, the weight of the newest run",
            "`optimizer.memory_size` is 0; it can be a whole number of pieces of work, from 1 to 1000000",
            "`optimizer.model_path` is \"here\"; it can be the absolute path of a file, such as \"/srv/nexus/learned.json\"",
        ]
    );
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    assert_eq!(
        messages("[node]\nlisten = \"studio\"\n[worker]\nslots = 0\nmemory = \"1 GB\"\n[limits]\nremote = \"none\"\n"),
        [
            "`node.listen` is \"studio\"; it can be an address and a port, such as \"127.0.0.1:4747\" or \"[::1]:4747\"",
            "`worker.slots` is 0; it can be a whole number from 1 to 4096",
            "`worker.memory` is \"1 GB\"; it can be a number of bytes or a size such as \"512 MiB\" or \"24 GiB\", at least 64 MiB",
            "`limits.remote` is \"none\"; it can be low, medium, high or maximum",
        ]
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for text in [
        "node.name = 7",
        "node.name = \"Studio\"",
        "node.name = \"-a\"",
        "node.name = \"\"",
        "node.data = \"relative\"",
        "node.listen = 4747",
        "worker.slots = \"two\"",
        "worker.slots = -1",
        "worker.memory = 1.5",
        "worker.memory = 1024",
        "limits.remote = []",
        "log.level = \"loud\"",
    ] {
        assert_eq!(messages(text).len(), 1, "{text}");
    }
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let raw = RawConfig::parse("node.data = \"/from/file\"\nnode.listen = \"127.0.0.1:1\"").unwrap();
    let mut machine = machine();
    let mut flags = Flags::default();
    let data = |flags: &Flags, machine: &Machine| {
        Config::resolve(&raw, flags, machine).map(|config| config.node().data().to_owned())
    };
    assert_eq!(data(&flags, &machine), Ok("/from/file".into()));
    machine.nexus_home = Some("/from/environment".into());
    assert_eq!(data(&flags, &machine), Ok("/from/environment".into()));
    flags.data = Some("/from/flag".into());
    assert_eq!(data(&flags, &machine), Ok("/from/flag".into()));
    flags.listen = Some(SocketAddr::from(([127, 0, 0, 1], 2)));
    assert_eq!(Config::resolve(&raw, &flags, &machine).unwrap().node().listen().port(), 2);
}

#[test]
fn hosts_give_names_that_a_node_can_have() {
    for (host, name) in [
        ("air", "air"),
        ("Anna's MacBook Pro.local", "anna-s-macbook-pro"),
        ("", "node"),
        ("日本", "node"),
        ("--x--.y", "x"),
    ] {
        assert_eq!(name_of_host(host), name);
        assert!(node_name(&Value::String(name.into())).is_some());
    }
    let long = name_of_host(&format!("{}-b", "a".repeat(62)));
    assert_eq!(long, "a".repeat(62));
}

#[test]
fn rules_are_read_and_stand_beside_the_default_ones_about_other_quantities() {
    let shown = |text: &str| {
        let config = resolve(text).unwrap();
        config.rules().iter().map(|rule| format!("{} {}", rule.when, rule.then.name())).collect::<Vec<_>>()
    };
    assert_eq!(shown(""), ["memory > 95% stop-admitting", "battery < 20% stop-admitting"]);
    assert_eq!(
        shown(
            "[[rule]]\nwhen = \"on-battery\"\nthen = \"warn\"\n[[rule]]\nwhen = \"memory>80%\"\nthen = \"stop-admitting\"\n"
        ),
        ["on-battery warn", "memory > 80% stop-admitting", "battery < 20% stop-admitting"]
    );
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_line() {
    let text = "[log]\nlevel = \"info\"\n\n[[rule]]\nwhen = \"memry > 90%\"\nthen = \"warn\"\n[[rule]]\nwhen = \"thermal\"\n\
                [[rule]]\nwhen = 90\nthen = \"warn\"\n[[rule]]\nwhen = \"thermal\"\nthen = \"explode\"\n";
    assert_eq!(
        messages(text),
        [
            "line 4: a [[rule]] cannot be kept: `memry` cannot be measured; there are memory, cpu, disk, battery, \
             temperature, on-battery, thermal, user-active",
            "line 7: a [[rule]] cannot be kept: it has no `then`; write it, such as then = \"stop-admitting\"",
            "line 9: a [[rule]] cannot be kept: `when` is 90; write a text, such as when = \"memory > 90%\"",
            "line 12: a [[rule]] cannot be kept: `explode` is nothing that a node can do; there are stop-admitting and warn",
        ]
    );
    let many = "[[rule]]\nwhen = \"thermal\"\nthen = \"warn\"\n".repeat(31);
    assert_eq!(
        messages(&many),
        ["line 91: a [[rule]] cannot be kept: there are 33 rules, and a node keeps at most 32"]
    );
}
