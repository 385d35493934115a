//! Settings from files and flags, laid over a recipe; and the names that settings had before.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Error;

/// The settings of version 0.1.0 that have another name now: the table that they stand in, by today's names, the old name and
/// the new one. Files with the old names are read by serde's aliases of these fields; the tests hold the two against each
/// other.
pub(crate) const RENAMED: [(&str, &str, &str); 12] = [
    ("recipe", "batch", "batch_size"),
    ("recipe", "validate_one_in", "validation_fraction"),
    ("recipe", "strokes", "stroke_fraction"),
    ("recipe", "keep", "model_selection"),
    ("recipe", "initialisation", "initialization"),
    ("recipe", "distillation", "distillation_weight"),
    ("recipe", "plain_epochs", "unaugmented_epochs"),
    ("recipe", "average", "ema_decay"),
    ("recipe", "optimiser", "optimizer"),
    ("recipe.optimizer", "matrices", "matrix_optimizer"),
    ("recipe.schedule", "warm_up", "warmup_fraction"),
    ("recipe.schedule", "decay", "decay_fraction"),
];

/// Today's name of the setting `key` in the table `section`.
fn current_name<'a>(section: &str, key: &'a str) -> &'a str {
    RENAMED.iter().find(|(table, old, _)| (*table, *old) == (section, key)).map_or(key, |(_, _, new)| new)
}

/// What the TOML file at `path` holds.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Run`] with the line of what cannot be understood.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Error::run(path, format!("line {line}: {}", error.message().replace('\n', " ")))
    })
}

/// `base` with the settings of `overrides` in place of its own; `section` is what messages call it.
///
/// # Errors
/// [`Error::Setting`] names a setting that `base` does not have, with the one that was probably meant, or that has a value
/// of another type. The names of version 0.1.0 still stand for what they did.
pub fn with_overrides<T: Serialize + DeserializeOwned>(
    base: &T,
    overrides: &Table,
    section: &str,
) -> Result<T, Error> {
    let failed = |problem: String| Error::setting(section, problem);
    let mut whole = Table::try_from(base).map_err(|error| failed(error.to_string()))?;
    let mut names = Vec::new();
    all_names(&whole, "", &mut names);
    lay_over(&mut whole, overrides, section, &names)?;
    whole.try_into().map_err(|error: toml::de::Error| failed(error.message().replace('\n', " ")))
}

/// Every setting and table in `table`, by its whole name.
fn all_names(table: &Table, before: &str, names: &mut Vec<String>) {
    for (key, value) in table {
        names.push(format!("{before}{key}"));
        if let Value::Table(inner) = value {
            all_names(inner, &format!("{before}{key}."), names);
        }
    }
}

fn lay_over(whole: &mut Table, overrides: &Table, section: &str, names: &[String]) -> Result<(), Error> {
    for (key, value) in overrides {
        let key = current_name(section, key);
        let setting = format!("{section}.{key}");
        let Some(place) = whole.get_mut(key) else {
            return Err(Error::setting(&setting, unknown(key, whole, names)));
        };
        match (place, value) {
            (Value::Table(inner), Value::Table(overrides)) => lay_over(inner, overrides, &setting, names)?,
            (Value::Float(place), Value::Integer(value)) => *place = *value as f64,
            (place, value) if place.same_type(value) => *place = value.clone(),
            (place, value) => {
                let problem = format!("is {value}, but must be of type {}", place.type_str());
                return Err(Error::setting(&setting, problem));
            }
        }
    }
    Ok(())
}

/// What to say of a key that `known` does not have: the nearest one that it has, or the one of `all` that is nearer.
fn unknown(key: &str, known: &Table, all: &[String]) -> String {
    let likeness = |name: &&str| strsim::jaro(name.rsplit('.').next().unwrap_or_default(), key);
    let nearest = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| (likeness(&name), name.to_owned())).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let here = nearest(&mut known.keys().map(String::as_str)).filter(|(likeness, _)| *likeness > 0.7);
    let elsewhere = nearest(&mut all.iter().map(String::as_str)).filter(|(likeness, _)| *likeness > 0.85);
    match (here, elsewhere) {
        (Some(here), Some(elsewhere)) if elsewhere.0 > here.0 => did_you_mean(&elsewhere.1),
        (Some(one), _) | (None, Some(one)) => did_you_mean(&one.1),
        (None, None) => {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            format!("is no setting; there are {}", names.join(", "))
        }
    }
}

fn did_you_mean(name: &str) -> String {
    format!("is no setting; did you mean `{name}`?")
}

#[cfg(test)]
mod tests {
    use mnist2x2_model::Initialization;

    use super::*;
    use crate::{MatrixOptimizer, ModelSelection, OptimizerSettings, Recipe, Schedule};

    fn base() -> Recipe {
        Recipe::default().with_seed(7)
    }

    fn recipe(overrides: &str) -> Result<Recipe, String> {
        let overrides = overrides.parse::<Table>().unwrap();
        with_overrides(&base(), &overrides, "recipe").map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_named_stays() {
        let changed =
            recipe("batch_size = 32\noptimizer.learning_rate = 1\n[augmentation]\nshift = 0.5").unwrap();
        let mut expected = Recipe { batch_size: 32, ..base() };
        expected.optimizer.learning_rate = 1.0;
        expected.augmentation.shift = 0.5;
        assert_eq!(changed, expected);
        assert_eq!(recipe("").unwrap(), base());
    }

    #[test]
    fn what_is_wrong_is_named_with_a_hint() {
        for (overrides, expected) in [
            ("epoch = 3", "`recipe.epoch` is no setting; did you mean `epochs`?"),
            (
                "optimizer.learningrate = 3",
                "`recipe.optimizer.learningrate` is no setting; did you mean `learning_rate`?",
            ),
            (
                "learning_rate = 0.1",
                "`recipe.learning_rate` is no setting; did you mean `optimizer.learning_rate`?",
            ),
            ("optimizer.shift = 1", "did you mean `augmentation.shift`?"),
            ("schedule.xyz = 1", "there are decay_fraction, shape, warmup_fraction"),
            ("batch_size = \"many\"", "`recipe.batch_size` is \"many\", but must be of type integer"),
            ("model_selection = \"first\"", "unknown variant `first`"),
            ("batch_size = -3", "invalid value"),
        ] {
            let message = recipe(overrides).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    /// A value of each renamed setting that no recipe has by itself.
    const OLD: &str = "batch = 5\nvalidate_one_in = 7\nstrokes = 0.375\nkeep = \"last\"\ninitialisation = \"pytorch\"\n\
        distillation = 0.25\nplain_epochs = 3\naverage = 0.5\n[optimiser]\nmatrices = \"adamw\"\n\
        [schedule]\nwarm_up = 0.125\ndecay = 0.75\n";

    /// [`OLD`] by today's names.
    fn renewed(recipe: Recipe) -> Recipe {
        let optimizer = OptimizerSettings { matrix_optimizer: MatrixOptimizer::AdamW, ..recipe.optimizer };
        let schedule = Schedule { warmup_fraction: 0.125, decay_fraction: 0.75, ..recipe.schedule };
        Recipe {
            batch_size: 5,
            validation_fraction: 1.0 / 7.0,
            stroke_fraction: 0.375,
            model_selection: ModelSelection::Last,
            initialization: Initialization::PyTorch,
            distillation_weight: 0.25,
            unaugmented_epochs: 3,
            ema_decay: 0.5,
            optimizer,
            schedule,
            ..recipe
        }
    }

    #[test]
    fn the_names_of_version_0_1_0_still_stand_for_what_they_did() {
        assert!(RENAMED.iter().all(|(_, old, _)| OLD.contains(old)), "each is tried");
        assert_eq!(recipe(OLD).unwrap(), renewed(base()));
        // The same where a whole recipe is read, as in a run's record.
        let mut text = toml::to_string(&renewed(base())).unwrap();
        for (_, old, new) in RENAMED {
            text = text.replace(&format!("\n{new} = "), &format!("\n{old} = "));
        }
        text = text.replace("[optimizer]", "[optimiser]");
        assert!(RENAMED.iter().all(|(_, _, new)| !text.contains(new)), "{text}");
        assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), renewed(base()));
    }
}
