//! Machines imagined as folders of system files.

use std::fs;

use nexus_model::Condition;

use super::*;

/// A folder that stands for the root of a machine.
struct Machine(tempfile::TempDir);

impl Machine {
    fn of(files: &[(&str, &str)]) -> Machine {
        let machine = Machine(tempfile::tempdir().expect("a temporary folder can be written"));
        machine.write(files);
        machine
    }

    fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a temporary folder can be written"))
                .expect("a temporary folder can be written");
            fs::write(path, text).expect("a temporary folder can be written");
        }
    }

    fn gauge(&self, rules: &[(&str, Action)]) -> Gauge {
        let rule =
            |(when, then): &(&str, Action)| Rule { when: when.parse::<Condition>().expect("a condition"), then: *then };
        let rules: Vec<Rule> = rules.iter().map(rule).collect();
        Gauge::new(self.0.path(), self.0.path(), &rules)
    }
}

const MEMORY: (&str, &str) = ("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n");

#[test]
fn cores_and_memory_in_use_are_those_of_the_whole_machine() {
    let machine = Machine::of(&[MEMORY, ("proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n")]);
    let mut gauge = machine.gauge(&[]);
    let first = gauge.look(Instant::now());
    assert_eq!((first.memory_used_bytes, first.memory_bytes), (750 << 10, 1000 << 10));
    assert_eq!(first.cpu_permille, None, "there is nothing yet to compare with");
    machine.write(&[("proc/stat", "cpu  130 0 140 710 120 0 0 0 9 0\n")]);
    assert_eq!(gauge.look(Instant::now()).cpu_permille, Some(700), "70 of 100 ticks; guests are counted once");
    machine.write(&[("proc/stat", "nonsense\n"), ("proc/meminfo", "")]);
    assert_eq!(gauge.look(Instant::now()), Vitals::default());
}

#[test]
fn a_containers_limit_counts_where_it_is_lower() {
    let machine = Machine::of(&[
        MEMORY,
        ("sys/fs/cgroup/memory.max", "409600\n"),
        ("sys/fs/cgroup/memory.current", "204800\n"),
        ("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 90400\nactive_file 12000\n"),
    ]);
    let vitals = machine.gauge(&[]).look(Instant::now());
    assert_eq!((vitals.memory_used_bytes, vitals.memory_bytes), (102_400, 409_600));
    machine.write(&[("sys/fs/cgroup/memory.max", "max\n")]);
    assert_eq!(machine.gauge(&[]).look(Instant::now()).memory_bytes, 1000 << 10);
}

#[test]
fn rules_hold_a_machine_up_or_warn_and_say_what_was_measured() {
    let machine = Machine::of(&[MEMORY]);
    let rules = [("memory > 70%", Action::StopAdmitting), ("memory > 50%", Action::Warn), ("cpu > 1%", Action::Warn)];
    let mut gauge = machine.gauge(&rules);
    let vitals = gauge.look(Instant::now());
    assert_eq!(vitals.held_by, ["memory > 70% (now 75%)"]);
    assert_eq!(vitals.warnings, ["memory > 50% (now 75%)"]);
    machine.write(&[("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 330 kB\n")]);
    assert_eq!(gauge.look(Instant::now()).held_by, ["memory > 70%, until 65% (now 67%)"], "within the margin");
    machine.write(&[("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n")]);
    assert_eq!(gauge.look(Instant::now()).held_by, Vec::<String>::new());
}

#[test]
fn batteries_count_together_and_those_of_mice_do_not() {
    let supply = |name: &str, file: &str| format!("sys/class/power_supply/{name}/{file}");
    let machine = Machine::of(&[]);
    let write = |files: &[(&str, &str, &str)]| {
        files.iter().for_each(|(name, file, text)| machine.write(&[(&supply(name, file), text)]));
    };
    write(&[("BAT0", "type", "Battery\n"), ("BAT0", "capacity", "10\n"), ("BAT0", "status", "Discharging\n")]);
    write(&[("BAT1", "type", "Battery\n"), ("BAT1", "capacity", "50\n"), ("BAT1", "status", "Unknown\n")]);
    write(&[("hid-1", "type", "Battery\n"), ("hid-1", "capacity", "1\n"), ("hid-1", "scope", "Device\n")]);
    write(&[("AC", "type", "Mains\n"), ("AC", "online", "0\n")]);
    let rules =
        [("battery < 29.9%", Action::StopAdmitting), ("battery < 35%", Action::Warn), ("on-battery", Action::Warn)];
    let vitals = machine.gauge(&rules).look(Instant::now());
    assert_eq!(
        (vitals.held_by.len(), &vitals.warnings[..]),
        (0, &["battery < 35% (now 30%)".to_owned(), "on-battery".to_owned()][..])
    );
    // The larger one counts for more.
    write(&[("BAT0", "energy_full", "90\n"), ("BAT1", "energy_full", "10\n")]);
    let mut gauge = machine.gauge(&rules);
    let begun = Instant::now();
    assert_eq!(gauge.look(begun).held_by, ["battery < 29.9% (now 14%)"]);
    write(&[("AC", "online", "1\n")]);
    assert_eq!(gauge.look(begun + SLOW / 2).held_by.len(), 1, "what changes slowly is looked at now and then");
    assert_eq!(gauge.look(begun + SLOW).held_by.len(), 0, "it is plugged in");
}

#[test]
fn heat_is_that_of_the_hottest_zone_and_of_the_points_that_the_firmware_names() {
    let zone = |number: u32, file: &str| format!("sys/class/thermal/thermal_zone{number}/{file}");
    let machine = Machine::of(&[
        (&zone(0, "temp"), "41000\n"),
        (&zone(1, "temp"), "84500\n"),
        (&zone(1, "trip_point_0_type"), "active\n"),
        (&zone(1, "trip_point_0_temp"), "60000\n"),
        (&zone(1, "trip_point_1_type"), "critical\n"),
        (&zone(1, "trip_point_1_temp"), "0\n"),
        (&zone(1, "trip_point_2_type"), "passive\n"),
        (&zone(1, "trip_point_2_temp"), "90000\n"),
    ]);
    let rules = [("temperature > 80C", Action::StopAdmitting), ("thermal", Action::StopAdmitting)];
    assert_eq!(machine.gauge(&rules).look(Instant::now()).held_by, ["temperature > 80C (now 84C)"]);
    machine.write(&[(&zone(1, "temp"), "90000\n")]);
    assert_eq!(machine.gauge(&rules).look(Instant::now()).held_by, ["temperature > 80C (now 90C)", "thermal"]);
}

#[test]
fn somebody_is_active_who_typed_or_touched_the_machine_a_moment_ago() {
    let interrupts =
        |count: u32| format!("      CPU0   CPU1\n 1:  {count}  7  IR-IO-APIC  1-edge  i8042\n 8: 1 0 rtc0\n");
    let machine = Machine::of(&[("proc/interrupts", &interrupts(5))]);
    let rules = [("user-active", Action::StopAdmitting)];
    let (mut gauge, begun) = (machine.gauge(&rules), Instant::now());
    assert_eq!(gauge.look(begun).held_by.len(), 0, "the first count says nothing of when");
    machine.write(&[("proc/interrupts", &interrupts(6))]);
    assert_eq!(gauge.look(begun + SLOW).held_by, ["user-active"]);
    // A terminal that was read just now.
    let typed = Machine::of(&[("dev/pts/0", "")]);
    assert_eq!(typed.gauge(&rules).look(begun).held_by, ["user-active"]);
    let nobody = Machine::of(&[("dev/pts/ptmx", ""), ("dev/ttyS0", ""), ("proc/interrupts", "1: 5 rtc0\n")]);
    assert_eq!(nobody.gauge(&rules).look(begun).held_by.len(), 0, "nothing there tells of a person");
}

#[test]
fn a_machine_without_any_of_it_is_held_up_by_nothing() {
    let machine = Machine::of(&[]);
    let rules: Vec<(&str, Action)> =
        ["memory > 0%", "cpu > 0%", "battery < 100%", "temperature > 0C", "on-battery", "thermal", "user-active"]
            .map(|when| (when, Action::StopAdmitting))
            .to_vec();
    let mut gauge = machine.gauge(&rules);
    gauge.say_unmeasured(Instant::now());
    assert_eq!(gauge.look(Instant::now()), Vitals::default());
    let full = machine.gauge(&[("disk > 0%", Action::Warn)]).look(Instant::now());
    assert_eq!(full.warnings.len(), 1, "the disk is there: {full:?}");
}

#[test]
fn how_busy_a_graphics_processor_is_is_told_where_there_is_one_and_it_does_not_sleep() {
    let card = |name: &str| format!("sys/bus/pci/devices/0000:01:00.0/{name}");
    let files = [(card("class"), "0x030000\n"), (card("vendor"), "0x1002\n"), (card("gpu_busy_percent"), "71\n")];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let machine = Machine::of(&files);
    let begun = Instant::now();
    let look = |machine: &Machine| machine.gauge(&[]).with_gpu(true).look(begun).gpu;
    assert_eq!(look(&machine), Some(GpuUse { busy_permille: Some(710), given_milli: 0 }));
    assert_eq!(machine.gauge(&[]).look(begun).gpu, None, "none that programs could use");
    machine.write(&[(card("power/runtime_status").as_str(), "suspended\n")]);
    assert_eq!(look(&machine), Some(GpuUse { busy_permille: None, given_milli: 0 }));
}
