//! Packets a second by streams, drawn as SVG: a line for each relay.

use core::fmt::Write;

use super::report::Row;
use super::subject::Subject;
use crate::media::Backend;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 480.0;

/// Where the lines are: the rest is for what is written around.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 640.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 420.0;

/// Packets a second between two lines across.
const STEP: f64 = 100_000.0;

/// Draws what each relay did. Streams stand on a logarithmic scale.
pub(super) fn draw(rows: &[Row], title: &str) -> String {
    // What was held up by something else has not shown what it can.
    let points: Vec<Point> = rows
        .iter()
        .filter(|row| row.subject != Subject::Nobody && !row.is_idle())
        .map(|row| Point { subject: row.subject, streams: row.streams.into(), rate: row.relayed() })
        .collect();
    Chart::of(&points).draw(&points, title)
}

struct Point {
    subject: Subject,
    streams: f64,
    rate: f64,
}

/// The scales.
struct Chart {
    least: f64,
    most: f64,
    top: f64,
}

impl Chart {
    fn of(points: &[Point]) -> Self {
        let streams = || points.iter().map(|point| point.streams.max(1.0).ln());
        let least = streams().fold(f64::INFINITY, f64::min);
        let most = streams().fold(f64::NEG_INFINITY, f64::max);
        let top = points.iter().map(|point| point.rate).fold(STEP, f64::max);
        Self { least, most: if most > least { most } else { least + 1.0 }, top: (top / STEP).ceil() * STEP }
    }

    fn x(&self, streams: f64) -> f64 {
        LEFT + (streams.max(1.0).ln() - self.least) / (self.most - self.least) * (RIGHT - LEFT)
    }

    fn y(&self, rate: f64) -> f64 {
        BOTTOM - rate / self.top * (BOTTOM - TOP)
    }

    fn draw(&self, points: &[Point], title: &str) -> String {
        let mut svg = String::new();
        // Writing to a text does not fail.
        let _ = self.write(&mut svg, points, title);
        svg
    }

    fn write(&self, svg: &mut String, points: &[Point], title: &str) -> core::fmt::Result {
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">Packets a second without loss on one core</text>\n\
             <text x=\"{LEFT}\" y=\"40\" fill=\"#666\">{title}</text>"
        )?;
        let lines = (self.top / STEP) as u32;
        for line in 0..=lines {
            let (rate, y) = (f64::from(line) * STEP, self.y(f64::from(line) * STEP));
            writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                if line == 0 { "0".to_owned() } else { format!("{:.0},000", rate / 1000.0) },
            )?;
        }
        let mut streams: Vec<f64> = points.iter().map(|point| point.streams).collect();
        streams.sort_by(f64::total_cmp);
        streams.dedup();
        for streams in streams {
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{streams}</text>",
                self.x(streams),
                BOTTOM + 18.0
            )?;
        }
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">streams</text>",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 40.0
        )?;
        let mut subjects: Vec<Subject> = vec![];
        for point in points {
            if !subjects.contains(&point.subject) {
                subjects.push(point.subject);
            }
        }
        for (number, subject) in subjects.into_iter().enumerate() {
            self.line(svg, points, subject, number)?;
        }
        svg.push_str("</svg>\n");
        Ok(())
    }

    /// A relay's line, and its name at the right.
    fn line(&self, svg: &mut String, points: &[Point], subject: Subject, number: usize) -> core::fmt::Result {
        let colour = colour(subject);
        let mut own: Vec<&Point> = points.iter().filter(|point| point.subject == subject).collect();
        own.sort_by(|a, b| a.streams.total_cmp(&b.streams));
        write!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"")?;
        for point in &own {
            write!(svg, "{:.1},{:.1} ", self.x(point.streams), self.y(point.rate))?;
        }
        svg.push_str("\"/>\n");
        for point in &own {
            let (x, y) = (self.x(point.streams), self.y(point.rate));
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>")?;
        }
        let y = TOP + 20.0 * number as f64;
        let x = RIGHT + 24.0;
        writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <text x=\"{}\" y=\"{}\">{subject}</text>",
            x + 20.0,
            x + 26.0,
            y + 4.0
        )
    }
}

const fn colour(subject: Subject) -> &'static str {
    match subject {
        Subject::Nobody => "#999",
        Subject::Warmline(Backend::Bpf) => "#1b7837",
        Subject::Warmline(Backend::Uring) => "#2166ac",
        Subject::Warmline(Backend::Sockets) => "#762a83",
        Subject::Rtpengine => "#b2182b",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_packets_stand_higher_and_more_streams_further_right() {
        let point = |subject, streams, rate| Point { subject, streams, rate };
        let points = [
            point(Subject::Rtpengine, 1000.0, 272_000.0),
            point(Subject::Rtpengine, 10.0, 363_000.0),
            point(Subject::Warmline(Backend::Bpf), 1000.0, 609_000.0),
        ];
        let chart = Chart::of(&points);
        assert_eq!((chart.x(10.0), chart.x(1000.0), chart.y(0.0)), (LEFT, RIGHT, BOTTOM));
        assert!(chart.y(609_000.0) > TOP && chart.y(609_000.0) < chart.y(363_000.0));
        let svg = chart.draw(&points, "a & b".replace('&', "and").as_str());
        let begins = format!("points=\"{LEFT:.1},{:.1} {RIGHT:.1},", chart.y(363_000.0));
        assert!(svg.contains(&begins), "{svg}");
        assert!(svg.contains(">700,000<") && svg.contains(">Warmline, bpf<") && svg.contains(">rtpengine<"));
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn one_point_and_none_are_drawn_too() {
        assert!(Chart::of(&[]).draw(&[], "nothing").contains("</svg>"));
        let one = [Point { subject: Subject::Rtpengine, streams: 2.0, rate: 1.0 }];
        let svg = Chart::of(&one).draw(&one, "one");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
