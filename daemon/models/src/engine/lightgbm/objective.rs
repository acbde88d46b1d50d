//! From raw scores to a prediction: LightGBM's `ObjectiveFunction::ConvertOutput`.
//!
//! The order of the operations is LightGBM's, since the result must have its bits. `exp` and `ln_1p` are the system's
//! libm on both sides.

/// What is done to raw scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// Nothing: regression, ranking, custom objectives.
    Identity,
    /// `sign(x) * x * x`: regression on the square root of the label.
    Square,
    /// `1 / (1 + exp(-sigma * x))`: the probability of the second of two classes.
    Binary {
        /// The factor.
        sigma: f64,
    },
    /// The same for each class.
    OneVsAll {
        /// The factor.
        sigma: f64,
    },
    /// `1 / (1 + exp(-x))`: cross entropy, whose labels are not classes.
    Sigmoid,
    /// Softmax over the classes.
    Softmax,
    /// `exp(x)`.
    Exp,
    /// `ln(1 + exp(x))`.
    Log1pExp,
}

impl Objective {
    /// Reads the `objective` line, e.g. `binary sigmoid:1`, of a model with `outputs` raw scores. `None`: not known.
    #[must_use]
    pub fn parse(line: &str, outputs: usize) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let options: Vec<&str> = words.collect();
        let number = |key: &str| options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix(':'));
        let regression = if options.contains(&"sqrt") { Self::Square } else { Self::Identity };
        let single = |objective: Self| (outputs == 1).then_some(objective);
        let classes_fit = || number("num_class").is_none_or(|classes| classes.parse() == Ok(outputs));
        match name {
            "regression"
            | "regression_l2"
            | "mean_squared_error"
            | "mse"
            | "l2"
            | "l2_root"
            | "root_mean_squared_error"
            | "rmse"
            | "regression_l1"
            | "mean_absolute_error"
            | "l1"
            | "mae"
            | "quantile"
            | "huber"
            | "fair"
            | "mape"
            | "mean_absolute_percentage_error" => single(regression),
            "poisson" | "gamma" | "tweedie" => single(Self::Exp),
            "binary" => single(Self::Binary { sigma: sigma(number("sigmoid"))? }),
            "cross_entropy" | "xentropy" => single(Self::Sigmoid),
            "cross_entropy_lambda" | "xentlambda" => single(Self::Log1pExp),
            "multiclass" | "softmax" => classes_fit().then_some(Self::Softmax),
            "multiclassova" | "multiclass_ova" | "ova" | "ovr" if classes_fit() => {
                Some(Self::OneVsAll { sigma: sigma(number("sigmoid"))? })
            }
            "lambdarank" | "rank_xendcg" | "xendcg" | "xe_ndcg" | "xe_ndcg_mart" | "xendcg_mart" => {
                single(Self::Identity)
            }
            "custom" | "none" | "null" | "na" => Some(Self::Identity),
            _ => None,
        }
    }

    /// Turns the raw scores of one row into its prediction.
    pub fn convert(self, scores: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Square => scores.iter_mut().for_each(|x| *x = sign(*x) * *x * *x),
            Self::Binary { sigma } | Self::OneVsAll { sigma } => {
                scores.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-sigma * *x).exp()));
            }
            Self::Sigmoid => scores.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
            Self::Softmax => softmax(scores),
            Self::Exp => scores.iter_mut().for_each(|x| *x = x.exp()),
            Self::Log1pExp => scores.iter_mut().for_each(|x| *x = x.exp().ln_1p()),
        }
    }
}

/// LightGBM refuses a model whose factor is missing or not positive.
fn sigma(text: Option<&str>) -> Option<f64> {
    text.and_then(legacy_float).filter(|&sigma| sigma > 0.0 && sigma.is_finite())
}

/// Reads a number as LightGBM's `Common::Atof` does, which is not always the nearest double.
fn legacy_float(text: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().fold(0.0, |value, digit| value * 10.0 + f64::from(digit - b'0'));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?.clamp(-308, 308)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) || mantissa.len() > 40 {
        return None;
    }
    let value = digits(whole) + digits(fraction) / power(10.0, fraction.len());
    let scale = legacy_scale(exponent.unsigned_abs());
    Some(if exponent < 0 { value / scale } else { value * scale })
}

/// `Common::Pow`, in its order of multiplications.
fn power(base: f64, exponent: usize) -> f64 {
    match exponent {
        0 => 1.0,
        _ if exponent.is_multiple_of(2) => power(base * base, exponent / 2),
        _ if exponent.is_multiple_of(3) => power(base * base * base, exponent / 3),
        _ => base * power(base, exponent - 1),
    }
}

fn legacy_scale(exponent: u32) -> f64 {
    let fifties = (0..exponent / 50).fold(1.0, |scale, _| scale * 1e50);
    let eights = (0..exponent % 50 / 8).fold(fifties, |scale, _| scale * 1e8);
    (0..exponent % 50 % 8).fold(eights, |scale, _| scale * 10.0)
}

fn sign(x: f64) -> f64 {
    f64::from(i8::from(x > 0.0) - i8::from(x < 0.0))
}

fn softmax(scores: &mut [f64]) {
    let Some((&first, rest)) = scores.split_first() else { return };
    // std::max(x, max): a NaN among the later scores becomes the maximum, and everything NaN.
    let max = rest.iter().fold(first, |max, &x| if x < max { max } else { x });
    let mut sum = 0.0;
    for x in scores.iter_mut() {
        *x = (*x - max).exp();
        sum += *x;
    }
    for x in scores.iter_mut() {
        *x /= sum;
    }
}
