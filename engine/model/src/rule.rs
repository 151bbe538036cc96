//! Rules of a node about itself: while a condition over measured quantities holds, an action is taken.
//!
//! A pure value: what is measured comes in as [`Readings`]. `memory > 90%` holds from the reading on that is above 90 % and
//! until one is below by a margin, so that a quantity that hovers does not switch it at every look.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Points by which a share must come back before its rule lets go, at most; a tenth of the bound where that is less.
const MARGIN_MAX: f64 = 5.0;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Memory in use, in percent of the machine's.
    Memory,
    /// Time of the cores in use, in percent of all cores.
    Cpu,
    /// Space in use on the disk of the data directory, in percent.
    Disk,
    /// Charge of the battery in percent, counted while the machine runs on it.
    Battery,
    /// The hottest place that the machine measures, in degrees Celsius.
    Temperature,
    /// Whether the machine runs on its battery.
    OnBattery,
    /// Whether the machine says that it is too hot to go on at full speed.
    Thermal,
    /// Whether somebody used the machine in the last five minutes.
    UserActive,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Quantity; 8] = [
        Quantity::Memory,
        Quantity::Cpu,
        Quantity::Disk,
        Quantity::Battery,
        Quantity::Temperature,
        Quantity::OnBattery,
        Quantity::Thermal,
        Quantity::UserActive,
    ];

    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Quantity::Memory => "memory",
            Quantity::Cpu => "cpu",
            Quantity::Disk => "disk",
            Quantity::Battery => "battery",
            Quantity::Temperature => "temperature",
            Quantity::OnBattery => "on-battery",
            Quantity::Thermal => "thermal",
            Quantity::UserActive => "user-active",
        }
    }

    /// The unit behind its numbers; `None` for what is so or not.
    const fn unit(self) -> Option<&'static str> {
        match self {
            Quantity::Memory | Quantity::Cpu | Quantity::Disk | Quantity::Battery => Some("%"),
            Quantity::Temperature => Some("C"),
            Quantity::OnBattery | Quantity::Thermal | Quantity::UserActive => None,
        }
    }
}

/// What was measured; `None` for what this machine cannot measure, and no rule about it ever holds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Readings {
    /// [`Quantity::Memory`].
    pub memory: Option<f64>,
    /// [`Quantity::Cpu`].
    pub cpu: Option<f64>,
    /// [`Quantity::Disk`].
    pub disk: Option<f64>,
    /// [`Quantity::Battery`], whether it is in use or not.
    pub battery: Option<f64>,
    /// [`Quantity::Temperature`].
    pub temperature: Option<f64>,
    /// [`Quantity::OnBattery`].
    pub on_battery: Option<bool>,
    /// [`Quantity::Thermal`].
    pub thermal: Option<bool>,
    /// [`Quantity::UserActive`].
    pub user_active: Option<bool>,
}

impl Readings {
    /// The number of a quantity; 1 and 0 for what is so or not.
    pub fn of(&self, quantity: Quantity) -> Option<f64> {
        let flag = |is_so: Option<bool>| is_so.map(|is_so| f64::from(u8::from(is_so)));
        match quantity {
            Quantity::Memory => self.memory,
            Quantity::Cpu => self.cpu,
            Quantity::Disk => self.disk,
            Quantity::Battery => self.battery,
            Quantity::Temperature => self.temperature,
            Quantity::OnBattery => flag(self.on_battery),
            Quantity::Thermal => flag(self.thermal),
            Quantity::UserActive => flag(self.user_active),
        }
    }
}

/// When a rule holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Of what.
    pub quantity: Quantity,
    /// Compared how.
    pub test: Test,
}

/// How a quantity is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// It is more.
    Above(f64),
    /// It is less.
    Below(f64),
    /// It is so.
    Holds,
}

/// What a node does while a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Take no new tasks; what it has in hand it ends.
    StopAdmitting,
    /// Say so, and nothing else.
    Warn,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 2] = [Action::StopAdmitting, Action::Warn];

    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Action::StopAdmitting => "stop-admitting",
            Action::Warn => "warn",
        }
    }
}

/// While the condition holds, the action is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// When.
    pub when: Condition,
    /// What.
    pub then: Action,
}

impl Rule {
    /// The rules of a node that is told none: they keep a machine usable for its user. One about a quantity stands until the
    /// user writes one about the same.
    pub const DEFAULT: [Rule; 2] = [
        Rule { when: Condition { quantity: Quantity::Memory, test: Test::Above(95.0) }, then: Action::StopAdmitting },
        Rule { when: Condition { quantity: Quantity::Battery, test: Test::Below(20.0) }, then: Action::StopAdmitting },
    ];
}

impl Condition {
    /// Whether it holds now, if it `held` at the look before. What cannot be measured does not hold.
    pub fn holds(&self, readings: &Readings, held: bool) -> bool {
        // A battery that is being charged holds nobody up.
        let counts = self.quantity != Quantity::Battery || readings.on_battery == Some(true);
        let Some(now) = readings.of(self.quantity).filter(|now| counts && !now.is_nan()) else { return false };
        let margin = |bound: f64| if held { margin(bound) } else { 0.0 };
        match self.test {
            Test::Above(bound) => now > bound - margin(bound),
            Test::Below(bound) => now < bound + margin(bound),
            Test::Holds => now > 0.0,
        }
    }

    /// The condition with what was measured: `memory > 90% (now 93%)`, and `memory > 90%, until 85% (now 88%)` where it
    /// holds still.
    pub fn reason(&self, readings: &Readings) -> String {
        let (Some(unit), Some(now)) = (self.quantity.unit(), readings.of(self.quantity)) else {
            return self.to_string();
        };
        let until = match self.test {
            Test::Above(bound) if now <= bound => Some(bound - margin(bound)),
            Test::Below(bound) if now >= bound => Some(bound + margin(bound)),
            Test::Above(_) | Test::Below(_) | Test::Holds => None,
        };
        let until = until.map(|until| format!(", until {until}{unit}")).unwrap_or_default();
        // What rounds to a bound is said to be beside it.
        let is_near = matches!(self.test, Test::Above(bound) | Test::Below(bound) if (bound - now).abs() < 1.0);
        let digits = usize::from(is_near);
        format!("{self}{until} (now {now:.digits$}{unit})")
    }
}

/// How far a quantity must come back before a rule about this bound lets go.
fn margin(bound: f64) -> f64 {
    MARGIN_MAX.min(bound / 10.0)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = (self.quantity.name(), self.quantity.unit().unwrap_or_default());
        match self.test {
            Test::Above(bound) => write!(f, "{name} > {bound}{unit}"),
            Test::Below(bound) => write!(f, "{name} < {bound}{unit}"),
            Test::Holds => f.write_str(name),
        }
    }
}

/// What is wrong with a rule as it was written. Nothing happened; another try gives the same.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The first word is no quantity.
    #[error("`{0}` cannot be measured; there are {names}", names = quantities())]
    Quantity(String),
    /// A number needs a comparison, and there is none or another one.
    #[error("`{0}` is compared with a number: write `{0} > {1}` or `{0} < {1}`")]
    Comparison(&'static str, &'static str),
    /// What is compared with is no number with the unit, or out of its range.
    #[error("`{found}` is no bound for `{quantity}`: write a number {range}")]
    Bound {
        /// The quantity.
        quantity: &'static str,
        /// As written.
        found: String,
        /// What it can be.
        range: &'static str,
    },
    /// What is so or not is compared with nothing.
    #[error("`{0}` is so or is not: write it alone")]
    Flag(&'static str),
    /// No such action.
    #[error("`{0}` is nothing that a node can do; there are {names}", names = actions())]
    Action(String),
}

fn quantities() -> String {
    Quantity::ALL.map(Quantity::name).join(", ")
}

fn actions() -> String {
    Action::ALL.map(Action::name).join(" and ")
}

impl FromStr for Condition {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        let (name, rest) = text.split_at(text.find(['<', '>', '=', ' ']).unwrap_or(text.len()));
        let rest = rest.trim();
        let quantity = Quantity::ALL.into_iter().find(|quantity| quantity.name() == name);
        let quantity = quantity.ok_or_else(|| RuleError::Quantity(name.to_owned()))?;
        let Some(unit) = quantity.unit() else {
            let alone = rest.is_empty().then_some(Condition { quantity, test: Test::Holds });
            return alone.ok_or(RuleError::Flag(quantity.name()));
        };
        let example = if unit == "%" { "90%" } else { "85C" };
        let comparison = RuleError::Comparison(quantity.name(), example);
        let (above, bound) = match (rest.strip_prefix('>'), rest.strip_prefix('<')) {
            (Some(bound), _) => (true, bound),
            (_, Some(bound)) => (false, bound),
            (None, None) => return Err(comparison),
        };
        if bound.starts_with('=') {
            return Err(comparison);
        }
        let (range, most) =
            if unit == "%" { ("from 0% to 100%, such as 90%", 100.0) } else { ("from 0C to 200C, such as 85C", 200.0) };
        let wrong = || RuleError::Bound { quantity: quantity.name(), found: bound.trim().to_owned(), range };
        let number: f64 = bound.trim().strip_suffix(unit).and_then(|n| n.trim().parse().ok()).ok_or_else(wrong)?;
        if !(0.0..=most).contains(&number) {
            return Err(wrong());
        }
        Ok(Condition { quantity, test: if above { Test::Above(number) } else { Test::Below(number) } })
    }
}

impl FromStr for Action {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let found = Action::ALL.into_iter().find(|action| action.name() == text.trim());
        found.ok_or_else(|| RuleError::Action(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        text.parse().unwrap()
    }

    #[test]
    fn conditions_are_read_and_written_alike() {
        for (text, shown) in [
            ("memory > 90%", "memory > 90%"),
            ("  cpu>80.5 % ", "cpu > 80.5%"),
            ("battery <30%", "battery < 30%"),
            ("temperature > 85C", "temperature > 85C"),
            ("on-battery", "on-battery"),
            ("user-active", "user-active"),
        ] {
            assert_eq!(condition(text).to_string(), shown);
            assert_eq!(condition(shown), condition(text));
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_with_what_is_right() {
        for (text, said) in [
            (
                "memry > 90%",
                "`memry` cannot be measured; there are memory, cpu, disk, battery, temperature, on-battery",
            ),
            ("", "`` cannot be measured; there are memory"),
            ("memory", "`memory` is compared with a number: write `memory > 90%` or `memory < 90%`"),
            ("memory >= 90%", "write `memory > 90%`"),
            ("memory > 90", "`90` is no bound for `memory`: write a number from 0% to 100%, such as 90%"),
            ("memory > 190%", "`190%` is no bound"),
            ("cpu > NaN%", "`NaN%` is no bound"),
            ("temperature > 90%", "`90%` is no bound for `temperature`: write a number from 0C to 200C"),
            ("on-battery > 3%", "`on-battery` is so or is not: write it alone"),
        ] {
            let error = text.parse::<Condition>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let error = "explode".parse::<Action>().unwrap_err().to_string();
        assert_eq!(error, "`explode` is nothing that a node can do; there are stop-admitting and warn");
    }

    #[test]
    fn a_rule_holds_until_its_quantity_has_come_back_by_a_margin() {
        let rule = condition("memory > 90%");
        let at = |memory| Readings { memory: Some(memory), ..Readings::default() };
        let mut held = false;
        let seen: Vec<bool> = [89.0, 90.0, 90.1, 89.0, 86.0, 85.0, 86.0, 91.0]
            .into_iter()
            .map(|memory| {
                held = rule.holds(&at(memory), held);
                held
            })
            .collect();
        assert_eq!(seen, [false, false, true, true, true, false, false, true]);
        assert_eq!(rule.reason(&at(93.4)), "memory > 90% (now 93%)");
        assert_eq!(rule.reason(&at(90.4)), "memory > 90% (now 90.4%)");
        assert_eq!(rule.reason(&at(88.4)), "memory > 90%, until 85% (now 88%)");
    }

    #[test]
    fn what_is_not_measured_holds_nobody_up() {
        for rule in Rule::DEFAULT {
            assert!(!rule.when.holds(&Readings::default(), true), "{}", rule.when);
        }
        let nan = Readings { memory: Some(f64::NAN), ..Readings::default() };
        assert!(!condition("memory > 90%").holds(&nan, true));
    }

    #[test]
    fn a_low_battery_counts_while_the_machine_runs_on_it() {
        let low = |on_battery| Readings { battery: Some(10.0), on_battery, ..Readings::default() };
        let rule = condition("battery < 20%");
        assert!(rule.holds(&low(Some(true)), false));
        assert!(!rule.holds(&low(Some(false)), true), "it is being charged");
        assert!(!rule.holds(&low(None), false));
        assert!(condition("on-battery").holds(&low(Some(true)), false));
    }
}
