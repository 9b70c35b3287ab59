//! Special functions: the few that intervals and tests need.
//!
//! Normal quantile: Wichura (1988), AS 241, about 1e-16; distribution: Cody (1969), the same.
//! Log-gamma: Lanczos (1964), g = 7, about 1e-15. Incomplete beta: continued fraction by Lentz's
//! method (Press et al. 2007, section 6.4). Complementary error function: incomplete gamma function
//! by series and continued fraction.

const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;
const FRAC_1_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

/// Returns `ln Γ(x)` for `x > 0`; infinity at zero, NaN below.
pub fn ln_gamma(x: f64) -> f64 {
    const LANCZOS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x < 0.5 {
        // Reflection: Γ(x) Γ(1-x) = π / sin πx.
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let mut sum = 0.999_999_999_999_809_9;
    for (i, term) in (1_u8..).zip(LANCZOS) {
        sum += term / (x + f64::from(i));
    }
    let t = x + 7.5;
    LN_SQRT_TAU + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Returns the regularized incomplete beta function `I_x(a, b)` for positive `a` and `b`.
#[expect(clippy::many_single_char_names, reason = "the letters of the published formula")]
pub fn beta_regularized(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side of the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_regularized(1.0 - x, b, a);
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let tiny = 1e-300;
    let away = |value: f64| if value.abs() < tiny { tiny } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// Returns the regularized upper incomplete gamma function `Q(a, x)`.
#[expect(clippy::many_single_char_names, reason = "the letters of the published formula")]
fn gamma_upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        for n in 1..1000 {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for n in 1..1000 {
        let n = f64::from(n);
        let an = -n * (n - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// Returns the standard normal distribution function (Cody 1969: ratios of polynomials for three
/// parts of the line, to the last digits).
pub fn normal_cdf(z: f64) -> f64 {
    let far = z.abs();
    if far <= 0.674_489_75 {
        let square = z * z;
        let up = [
            2.235_252_035_460_684,
            161.028_231_068_555_88,
            1_067.689_485_460_371,
            18_154.981_253_343_56,
        ];
        let down = [
            47.202_581_904_688_24,
            976.098_551_737_776_7,
            10_260.932_208_618_979,
            45_507.789_335_026_73,
        ];
        return 0.5 + z * ratio(0.065_682_337_918_207_45, square, &up, &down);
    }
    if far.is_nan() {
        return f64::NAN;
    }
    // Beyond this the tail is zero.
    if far > 40.0 {
        return if z < 0.0 { 0.0 } else { 1.0 };
    }
    let ratio = if far <= 5.656_854_249_492_38 {
        let up = [
            0.398_941_512_088_134_66,
            8.883_149_794_388_377,
            93.506_656_132_177_85,
            597.270_276_394_800_3,
            2_494.537_585_290_372_6,
            6_848.190_450_536_283,
            11_602.651_437_647_35,
            9_842.714_838_383_978,
        ];
        let down = [
            22.266_688_044_328_117,
            235.387_901_782_625,
            1_519.377_599_407_554_7,
            6_485.558_298_266_761,
            18_615.571_640_885_097,
            34_900.952_721_145_98,
            38_912.003_286_093_27,
            19_685.429_676_859_992,
        ];
        ratio(1.076_557_677_372_019_2e-8, far, &up, &down)
    } else {
        let square = 1.0 / (far * far);
        let up = [
            0.215_898_534_057_957,
            0.127_401_161_160_247_36,
            0.022_235_277_870_649_807,
            0.001_421_619_193_227_893_4,
            2.911_287_495_116_879_3e-5,
        ];
        let down = [
            1.284_260_096_144_911,
            0.468_238_212_480_865_1,
            0.065_988_137_868_928_56,
            0.003_782_396_332_027_582_4,
            7.297_515_550_839_662e-5,
        ];
        (FRAC_1_SQRT_TAU - square * ratio(0.023_073_441_764_940_174, square, &up, &down)) / far
    };
    // The exponent in two parts, as its rounding would cost digits.
    let near = (far * 16.0).trunc() / 16.0;
    let tail = (-0.5 * near * near).exp() * (-0.5 * (far - near) * (far + near)).exp() * ratio;
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// A ratio of two polynomials, the highest powers first; that of the lower one is 1.
fn ratio(first: f64, x: f64, up: &[f64], down: &[f64]) -> f64 {
    let [mut above, mut below] = [first, 1.0];
    for (up, down) in up.iter().zip(down) {
        above = above * x + up;
        below = below * x + down;
    }
    above / below
}

/// Returns the logarithm of the standard normal's upper tail, far beyond where the tail is zero.
pub fn normal_tail_ln(z: f64) -> f64 {
    if z < -1.0 {
        return (-normal_tail(-z)).ln_1p();
    }
    if z < 5.0 {
        return normal_tail(z).ln();
    }
    // The continued fraction of Mills' ratio, from its end.
    let mut fraction = z;
    for k in (1..=40).rev() {
        fraction = z + f64::from(k) / fraction;
    }
    -0.5 * z * z - LN_SQRT_TAU - fraction.ln()
}

/// Returns the standard normal's upper tail.
fn normal_tail(z: f64) -> f64 {
    let tail = 0.5 * gamma_upper(0.5, 0.5 * z * z);
    if z < 0.0 { 1.0 - tail } else { tail }
}

/// Returns the probability that a chi-square with these degrees of freedom is larger than `x`.
pub fn chi_square_tail(x: f64, degrees: f64) -> f64 {
    gamma_upper(0.5 * degrees, 0.5 * x)
}

/// Returns the standard normal quantile; infinite at 0 and 1, NaN outside.
pub fn normal_quantile(p: f64) -> f64 {
    fn ratio(x: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
        let horner = |terms: &[f64; 8]| terms.iter().rev().fold(0.0, |sum, term| sum * x + term);
        horner(numerator) / horner(denominator)
    }
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, &A, &B);
    }
    let tail = p.min(1.0 - p);
    if tail <= 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = (-tail.ln()).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &C, &D) } else { ratio(r - 5.0, &E, &F) };
    if q < 0.0 { -z } else { z }
}

/// Returns the distribution function of Student's t.
pub fn t_cdf(t: f64, degrees: f64) -> f64 {
    let tail = 0.5 * beta_regularized(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// Returns the quantile of Student's t for `degrees > 0`; NaN for `p` outside `(0, 1)`.
///
/// Bisection on the upper tail, from a bracket that doubles until it holds: slow, plain and exact
/// to the last few bits.
pub fn t_quantile(p: f64, degrees: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && degrees > 0.0) {
        return f64::NAN;
    }
    let tail = p.min(1.0 - p);
    let upper = |t: f64| 0.5 * beta_regularized(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
    let (mut low, mut high) = (0.0, 2.0);
    while upper(high) > tail && high < 1e150 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if upper(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    let t = 0.5 * (low + high);
    if p < 0.5 { -t } else { t }
}

/// Returns the quantile of the beta distribution for positive `a` and `b`; NaN for `p` outside
/// `[0, 1]`.
///
/// Newton steps inside a bracket that only shrinks; where a step leaves it, the bracket is halved.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let defined = (0.0..=1.0).contains(&p) && a > 0.0 && b > 0.0;
    if !defined {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    let norm = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let mut x = a / (a + b);
    for _ in 0..2000 {
        let off = beta_regularized(x, a, b) - p;
        if off > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = ((a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p() - norm).exp();
        let step = off / density;
        let next = x - step;
        let inside = next > low && next < high && step.is_finite();
        let next = if inside { next } else { 0.5 * (low + high) };
        if (next - x).abs() <= 1e-15 * x || next <= low || next >= high {
            return next;
        }
        x = next;
    }
    x
}

/// Returns `P(X ≤ k)` for a binomial count of `n` trials with probability `p`.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    beta_regularized(1.0 - p, (n - k) as f64, k as f64 + 1.0)
}

const A: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const B: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_854,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    7.745_450_142_783_414e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const E: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const F: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_7e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(value: f64, expected: f64, relative: f64) {
        assert!(
            (value - expected).abs() <= relative * expected.abs().max(1e-300),
            "{value} is not {expected}"
        );
    }

    #[test]
    fn values_are_those_of_the_tables() {
        near(normal_quantile(0.975), 1.959_963_984_540_054, 1e-15);
        near(normal_quantile(0.995), 2.575_829_303_548_900_4, 1e-15);
        near(normal_quantile(1e-10), -6.361_340_902_404_056, 1e-14);
        near(normal_quantile(1e-20), -9.262_340_089_798_408, 1e-14);
        assert!(normal_quantile(0.5) == 0.0 && normal_quantile(1.5).is_nan());
        near(normal_cdf(1.959_963_984_540_054), 0.975, 1e-14);
        near(normal_cdf(-6.361_340_902_404_056), 1e-10, 1e-12);
        near(normal_tail_ln(6.361_340_902_404_056), 1e-10_f64.ln(), 1e-13);
        near(normal_tail_ln(4.999_999), normal_tail_ln(5.000_001), 1e-5);
        near(normal_tail_ln(-6.361_340_902_404_056), -1e-10, 1e-6);
        near(normal_tail_ln(40.0), -804.608_442_013_753_8, 1e-13);
        near(t_quantile(0.975, 1.0), 12.706_204_736_174_7, 1e-12);
        near(t_quantile(0.975, 10.0), 2.228_138_851_986_273_7, 1e-12);
        near(t_quantile(0.025, 29.0), -2.045_229_642_132_703, 1e-12);
        near(t_cdf(2.228_138_851_986_273_7, 10.0), 0.975, 1e-13);
        near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-14);
        near(ln_gamma(101.0), 363.739_375_555_563_5, 1e-14);
        near(beta_regularized(0.5, 2.0, 3.0), 0.6875, 1e-14);
        near(beta_quantile(0.6875, 2.0, 3.0), 0.5, 1e-13);
        near(beta_quantile(0.025, 1.0, 10.0), 1.0 - 0.975_f64.powf(0.1), 1e-12);
        near(beta_quantile(1e-9, 0.5, 700.0), 1.122_398_161e-21, 1e-6);
        near(binomial_cdf(5, 20, 0.5), 21_700.0 / 1_048_576.0, 1e-13);
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_incomplete_gamma_function() {
        for i in -3600..=3600 {
            let z = f64::from(i) / 100.0;
            let tail = 0.5 * gamma_upper(0.5, 0.5 * z * z);
            near(normal_cdf(z), if z < 0.0 { tail } else { 1.0 - tail }, 2e-13);
        }
        assert!(normal_cdf(f64::NAN).is_nan());
        assert!(normal_cdf(60.0) >= 1.0 && normal_cdf(f64::NEG_INFINITY) <= 0.0);
    }

    #[test]
    fn the_normal_quantile_inverts_the_distribution() {
        for i in 1..2000 {
            let p = f64::from(i) / 2000.0;
            near(normal_cdf(normal_quantile(p)), p, 1e-13);
        }
    }
}
