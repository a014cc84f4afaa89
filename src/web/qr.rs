//! QR codes as pictures: a compact SVG path for pages, a 1-bit PNG for old clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code; readers need four.
const QUIET: usize = 4;

/// Pixels per module of the PNG, so that it can be scanned without scaling.
const PNG_SCALE: usize = 8;

/// A code as rows of dark (`true`) and light modules, quiet zone included.
struct Modules {
    width: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// A text too long for any QR code (2,953 bytes; WhatsApp's have about 240) becomes an empty picture, not a wrong one.
    fn of(text: &str) -> Self {
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
            return Self { width: 2 * QUIET + 1, dark: vec![false; (2 * QUIET + 1).pow(2)] };
        };
        let inner = code.width();
        let width = inner + 2 * QUIET;
        let mut dark = vec![false; width * width];
        for (index, color) in code.to_colors().into_iter().enumerate() {
            let (x, y) = (index % inner + QUIET, index / inner + QUIET);
            dark[y * width + x] = color == Color::Dark;
        }
        Self { width, dark }
    }

    fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks(self.width)
    }
}

/// `data:image/svg+xml,…`, on white whatever the page's colours are.
pub(super) fn svg_data_url(text: &str) -> String {
    let modules = Modules::of(text);
    let width = modules.width;
    let path = svg_path(&modules);
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {width}' \
         shape-rendering='crispEdges'%3E%3Cpath fill='%23fff' d='M0 0h{width}v{width}H0z'/%3E%3Cpath d='{path}'/%3E%3C/svg%3E"
    )
}

/// One rectangle per horizontal run of dark modules.
fn svg_path(modules: &Modules) -> String {
    let mut path = String::new();
    for (y, row) in modules.rows().enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] {
                path.push_str(&format!("M{x} {y}h{length}v1h-{length}z", length = run.len()));
            }
            x += run.len();
        }
    }
    path
}

/// `data:image/png;base64,…`, black on white, one bit per pixel.
pub(super) fn png_data_url(text: &str) -> String {
    let modules = Modules::of(text);
    let side = modules.width * PNG_SCALE;
    let mut pixels = Vec::with_capacity(side * side.div_ceil(8));
    for row in modules.rows() {
        let line = png_line(row);
        for _ in 0..PNG_SCALE {
            pixels.extend_from_slice(&line);
        }
    }
    let side = u32::try_from(side).expect("a QR code has at most 185 modules a side");
    format!("data:image/png;base64,{}", STANDARD.encode(png(side, &pixels)))
}

/// Eight pixels to a byte: with eight pixels a module, every module is one byte.
fn png_line(row: &[bool]) -> Vec<u8> {
    const { assert!(PNG_SCALE == 8) };
    row.iter().map(|&dark| if dark { 0x00 } else { 0xff }).collect()
}

fn png(side: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().expect("a header into memory cannot fail");
    writer.write_image_data(pixels).expect("the pixels have the size the header says");
    drop(writer);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "2@AbCdEf0123456789/+=,publickey,identity,secret";

    /// What a reader sees: the modules, from the path of the SVG.
    fn modules_of_svg(url: &str) -> (usize, Vec<bool>) {
        let svg = url.strip_prefix("data:image/svg+xml,").unwrap();
        let width: usize = svg.split("viewBox='0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let mut dark = vec![false; width * width];
        let path = svg.rsplit("d='").next().unwrap().split('\'').next().unwrap();
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let length: usize = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            dark[y * width + x..y * width + x + length].fill(true);
        }
        (width, dark)
    }

    #[test]
    fn svg_and_png_show_the_very_modules_of_the_code() {
        let code = QrCode::with_error_correction_level(TEXT, EcLevel::L).unwrap();
        let (width, svg) = modules_of_svg(&svg_data_url(TEXT));
        assert_eq!(width, code.width() + 8);
        let url = png_data_url(TEXT);
        let bytes = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width as usize, info.bit_depth), (width * 8, png::BitDepth::One));
        for y in 0..width {
            for x in 0..width {
                let inside = (4..width - 4).contains(&x) && (4..width - 4).contains(&y);
                let dark = inside && code[(x - 4, y - 4)] == Color::Dark;
                assert_eq!(svg[y * width + x], dark, "svg {x},{y}");
                assert_eq!(pixels[y * 8 * width + x], if dark { 0 } else { 255 }, "png {x},{y}");
            }
        }
    }

    #[test]
    fn pictures_are_small_and_safe_inside_an_attribute() {
        let text = "2@".to_owned() + &"x".repeat(235);
        let svg = svg_data_url(&text);
        assert!(svg.len() < 16_000, "{}", svg.len());
        assert!(!svg.contains(['<', '>', '"', '#', '\n']));
        assert!(png_data_url(&text).len() < 3_000);
    }

    #[test]
    fn a_text_that_fits_no_code_is_an_empty_picture() {
        let (_, modules) = modules_of_svg(&svg_data_url(&"x".repeat(5_000)).replace("d=''", "d='M0 0h0v1h-0z'"));
        assert!(modules.iter().all(|dark| !dark));
    }
}
