// Output for people: colours, widths, and whether a stream is a terminal.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kiban::cli {

// Columns that UTF-8 text takes on a terminal: two for a wide character such as 基, none for a
// combining one.
std::size_t display_width(std::string_view text);
// At most `columns` wide, ending in "…" when something was left out. Control characters, which
// could write anywhere on a terminal, and those that turn the direction of text become spaces.
std::string fit(std::string_view text, std::size_t columns = std::string_view::npos);
// For a terminal: control characters (C0 but tabs and line ends, DEL, C1), those that change
// the direction of text, and bytes that are not UTF-8 become '?'.
std::string harmless(std::string_view text);
// The same if stdout is a terminal; otherwise the text as it is.
std::string harmless_on_terminal(const std::string& text);
// With spaces at the end, so that it is `columns` wide.
std::string pad(std::string text, std::size_t columns);

// Of stdout: its width when it is a terminal.
std::optional<std::size_t> terminal_width();

enum class Colour { Plain, Bold, Dim, Red, Green, Yellow, Cyan };
// Coloured when stdout is a terminal that can show it and NO_COLOR (no-color.org) is not set.
std::string paint(Colour colour, const std::string& text);
// SUCCEEDED green, FAILED red, RUNNING yellow, ….
Colour colour_of_status(std::string_view status);

// While it exists, and once a second has passed, shows `work` on stderr if that is a terminal;
// `detail`, called every second, adds the progress.
class Progress {
 public:
  explicit Progress(std::string work, std::function<std::string()> detail = {});
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiban::cli
