//! The order of the layers: as it is said, by the numbers in their names, or the only one in which
//! the widths fit.

use std::fmt::Write as _;

use anyhow::{Result, anyhow, bail, ensure};

use super::dense::{Dense, Layers};
use super::natural::natural;

/// Layers in order.
#[derive(Debug)]
pub struct Ordered {
    /// The first takes the network's inputs.
    pub layers: Vec<Dense>,
    /// The order in words, unless the names number it.
    pub order: Option<String>,
    /// Those that `--layers` does not name.
    pub left_out: Vec<String>,
}

/// As many orders are listed where several fit.
const LISTED: usize = 6;
/// As many steps are taken to find them.
const STEPS: usize = 100_000;

/// The layers in the order of `wanted`, or in their own.
///
/// # Errors
/// If a name is unknown, or no order fits or several do.
pub fn ordered(found: Layers, wanted: &[String]) -> Result<Ordered> {
    let Layers { mut layers, numbered, .. } = found;
    layers.sort_by(|a, b| natural(&a.name, &b.name));
    if !wanted.is_empty() {
        return as_said(layers, wanted);
    }
    if numbered || differ_in_numbers_alone(&layers) {
        require_fit(&layers, "the numbers in their names give the order; --layers says another")?;
        return Ok(Ordered { layers, order: None, left_out: Vec::new() });
    }
    let orders = Search::of(&layers)?;
    let [order] = orders.as_slice() else {
        let mut text = String::new();
        for order in orders.iter().take(LISTED) {
            let names: Vec<_> = order.iter().map(|i| layers[*i].name.as_str()).collect();
            let _ = write!(text, "\n  --layers {}", names.join(","));
        }
        if orders.len() > LISTED {
            text.push_str("\n  ..");
        }
        ensure!(!orders.is_empty(), "in no order do the layers fit: {}", sizes(&layers));
        bail!("the layers fit in several orders; say which:{text}");
    };
    let order: Vec<usize> = order.clone();
    let mut places: Vec<_> = layers.into_iter().map(Some).collect();
    let layers: Vec<Dense> = order.into_iter().filter_map(|i| places[i].take()).collect();
    let words = format!("{} (the only order in which the widths fit)", listed(&layers));
    Ok(Ordered { layers, order: Some(words), left_out: Vec::new() })
}

fn as_said(mut layers: Vec<Dense>, wanted: &[String]) -> Result<Ordered> {
    let mut chosen = Vec::new();
    for name in wanted {
        let name = name.trim();
        let at = layers.iter().position(|l| l.name == name).ok_or_else(|| {
            if chosen.iter().any(|l: &Dense| l.name == name) {
                anyhow!("--layers: '{name}' is named twice")
            } else {
                anyhow!("--layers: there is no layer '{name}'; there are {}", sizes(&layers))
            }
        })?;
        chosen.push(layers.remove(at));
    }
    require_fit(&chosen, "--layers says this order")?;
    let words = format!("{} (as --layers says)", listed(&chosen));
    let left_out = layers.into_iter().map(|l| l.name).collect();
    Ok(Ordered { layers: chosen, order: Some(words), left_out })
}

fn listed(layers: &[Dense]) -> String {
    layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `encoder (3 to 5), decoder (5 to 2)`.
fn sizes(layers: &[Dense]) -> String {
    let one = |l: &Dense| format!("{} ({} to {})", l.name, l.inputs(), l.outputs());
    layers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn require_fit(layers: &[Dense], why: &str) -> Result<()> {
    for pair in layers.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        ensure!(
            before.outputs() == after.inputs(),
            "tensor '{}': found {} inputs, needed {} as layer '{}' has outputs; {why}",
            after.tensor,
            after.inputs(),
            before.outputs(),
            before.name
        );
    }
    Ok(())
}

/// The name with its numbers taken out.
fn template(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match (c.is_ascii_digit(), text.ends_with('#')) {
            (true, true) => {}
            (true, false) => text.push('#'),
            (false, _) => text.push(c),
        }
    }
    text
}

/// `0 2 10`, `d1 d2 d3`; and `dense dense_1 dense_2`, as Keras numbers.
fn differ_in_numbers_alone(layers: &[Dense]) -> bool {
    let mut templates: Vec<_> = layers.iter().map(|l| template(&l.name)).collect();
    templates.dedup();
    match templates.as_slice() {
        [] | [_] => true,
        [first, rest] => *rest == format!("{first}_#") && template(&layers[1].name) == *rest,
        _ => false,
    }
}

/// The search for orders in which every layer takes what the one before it gives. Names that differ
/// in numbers alone keep the order of these.
struct Search<'a> {
    layers: &'a [Dense],
    templates: Vec<String>,
    steps: usize,
    found: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    /// All orders, or the first of more than can be listed.
    fn of(layers: &'a [Dense]) -> Result<Vec<Vec<usize>>> {
        let templates = layers.iter().map(|l| template(&l.name)).collect();
        let mut search = Self { layers, templates, steps: 0, found: Vec::new() };
        search.extend(&mut Vec::new())?;
        Ok(search.found)
    }

    fn extend(&mut self, order: &mut Vec<usize>) -> Result<()> {
        self.steps += 1;
        ensure!(self.steps < STEPS, "the layers fit in too many ways to try; say --layers");
        if order.len() == self.layers.len() {
            self.found.push(order.clone());
        }
        for next in 0..self.layers.len() {
            if self.found.len() > LISTED {
                break;
            }
            if self.may_follow(order, next) {
                order.push(next);
                self.extend(order)?;
                order.pop();
            }
        }
        Ok(())
    }

    fn may_follow(&self, order: &[usize], next: usize) -> bool {
        let fits = order
            .last()
            .is_none_or(|last| self.layers[*last].outputs() == self.layers[next].inputs());
        // The layers are in natural order: an earlier one of the same template comes first.
        let waits = |i: usize| self.templates[i] == self.templates[next] && !order.contains(&i);
        fits && !order.contains(&next) && !(0..next).any(waits)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn layers(sizes: &[(&str, usize, usize)]) -> Layers {
        let layer = |(name, inputs, outputs): &(&str, usize, usize)| Dense {
            name: (*name).to_owned(),
            tensor: format!("{name}.weight"),
            weight: Array2::zeros((*outputs, *inputs)),
            bias: None,
        };
        Layers { layers: sizes.iter().map(layer).collect(), ..Layers::default() }
    }

    fn order(sizes: &[(&str, usize, usize)], wanted: &[&str]) -> Result<(String, bool)> {
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        let found = ordered(layers(sizes), &wanted)?;
        Ok((listed(&found.layers), found.order.is_some()))
    }

    #[test]
    fn numbers_give_the_order_without_a_word() {
        for (sizes, expected) in [
            (&[("10", 3, 1), ("2", 3, 3)][..], "2, 10"),
            (&[("dense_2", 3, 3), ("dense", 3, 3), ("dense_1", 3, 3)], "dense, dense_1, dense_2"),
            (&[("d", 3, 3)], "d"),
        ] {
            assert_eq!(order(sizes, &[]).unwrap(), (expected.to_owned(), false));
        }
        let error = order(&[("0", 3, 1), ("1", 3, 3)], &[]).unwrap_err().to_string();
        assert!(error.contains("'1.weight': found 3 inputs, needed 1"), "{error}");
    }

    #[test]
    fn the_only_order_that_fits_is_taken_and_named() {
        let said = |text: &str| (text.to_owned(), true);
        let chain = [("decoder", 5, 2), ("encoder", 3, 5)];
        assert_eq!(order(&chain, &[]).unwrap(), said("encoder, decoder"));
        let body = [("head", 8, 1), ("net.4", 8, 8), ("net.0", 4, 8), ("net.2", 8, 8)];
        assert_eq!(order(&body, &[]).unwrap(), said("net.0, net.2, net.4, head"));
        let error = order(&[("a", 3, 4), ("b", 5, 2)], &[]).unwrap_err().to_string();
        assert!(error.contains("in no order") && error.contains("a (3 to 4)"), "{error}");
    }

    #[test]
    fn where_several_fit_they_are_listed() {
        let equal = [("encoder", 3, 3), ("decoder", 3, 3)];
        let error = order(&equal, &[]).unwrap_err().to_string();
        for order in ["--layers decoder,encoder", "--layers encoder,decoder"] {
            assert!(error.contains(order), "{error}");
        }
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let many: Vec<_> = names.iter().map(|name| (*name, 2, 2)).collect();
        assert!(order(&many, &[]).unwrap_err().to_string().ends_with(".."));
        assert_eq!(
            order(&equal, &["encoder", "decoder"]).unwrap(),
            ("encoder, decoder".to_owned(), true)
        );
    }

    #[test]
    fn what_is_said_must_exist_once_and_fit() {
        let chain = [("decoder", 5, 2), ("encoder", 3, 5)];
        for (wanted, part) in [
            (&["encoder", "head"][..], "no layer 'head'; there are decoder (5 to 2)"),
            (&["encoder", "encoder"], "named twice"),
            (&["decoder", "encoder"], "'encoder.weight': found 3 inputs, needed 2"),
        ] {
            let error = order(&chain, wanted).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let found = ordered(layers(&chain), &["decoder".to_owned()]).unwrap();
        assert_eq!(found.left_out, ["encoder"]);
    }
}
