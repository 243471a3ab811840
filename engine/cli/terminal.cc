#include "cli/terminal.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <clocale>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <mutex>
#include <thread>

namespace kiban::cli {

namespace {

// The character that text begins with: its bytes, and the columns it takes.
struct Glyph {
  std::size_t bytes{1};
  std::size_t columns{1};
  bool control{false};
  char32_t code{0};  // 0: NUL, or no UTF-8.
};

// Bidi_Control of Unicode: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
bool turns_direction(char32_t c) {
  return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

bool is_harmless(char32_t c) {
  if (c == '\t' || c == '\n') return true;
  return c >= 0x20 && (c < 0x7f || c > 0x9f) && !turns_direction(c);
}

// glibc's own table of widths, for every locale of the user.
class Utf8 {
 public:
  Utf8() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~Utf8() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8(const Utf8&) = delete;
  Utf8& operator=(const Utf8&) = delete;

  static Glyph first(std::string_view text) {
    wchar_t character = 0;
    std::mbstate_t state{};
    const std::size_t bytes = std::mbrtowc(&character, text.data(), text.size(), &state);
    if (bytes > text.size() || bytes == 0)  // No UTF-8, or NUL.
      return {.control = bytes == 0};
    const int columns = ::wcwidth(character);
    return {.bytes = bytes,
            .columns = columns < 0 ? 1 : static_cast<std::size_t>(columns),
            .control = columns < 0 || turns_direction(static_cast<char32_t>(character)),
            .code = static_cast<char32_t>(character)};
  }

 private:
  locale_t locale_;
  locale_t before_{nullptr};
};

constexpr std::string_view ellipsis = "…";

std::optional<std::size_t> number_in(const char* text) {
  std::size_t number = 0;
  if (text == nullptr) return std::nullopt;
  const std::string_view view = text;
  const auto [stop, error] = std::from_chars(view.data(), view.data() + view.size(), number);
  return error == std::errc{} && number > 0 ? std::optional{number} : std::nullopt;
}

bool may_colour() {
  static const bool may = [] {
    const char* no = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == '\0') && term != nullptr &&
           std::string_view(term) != "dumb";
  }();
  return may;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  const Utf8 utf8;
  std::size_t columns = 0;
  while (!text.empty()) {
    const Glyph glyph = Utf8::first(text);
    columns += glyph.columns;
    text.remove_prefix(glyph.bytes);
  }
  return columns;
}

std::string fit(std::string_view text, std::size_t columns) {
  const Utf8 utf8;
  std::string shown;
  std::size_t width = 0;
  std::size_t cut_at = 0;  // Where there is room for the ellipsis.
  while (!text.empty()) {
    const Glyph glyph = Utf8::first(text);
    width += glyph.columns;
    if (width > columns) return shown.substr(0, cut_at) + std::string(columns > 0 ? ellipsis : "");
    shown += glyph.control ? std::string(" ") : std::string(text.substr(0, glyph.bytes));
    if (width < columns) cut_at = shown.size();
    text.remove_prefix(glyph.bytes);
  }
  return shown;
}

std::string harmless(std::string_view text) {
  const Utf8 utf8;
  std::string shown;
  while (!text.empty()) {
    const Glyph glyph = Utf8::first(text);
    shown += is_harmless(glyph.code) ? text.substr(0, glyph.bytes) : "?";
    text.remove_prefix(glyph.bytes);
  }
  return shown;
}

std::string harmless_on_terminal(const std::string& text) {
  return ::isatty(STDOUT_FILENO) == 1 ? harmless(text) : text;
}

std::string pad(std::string text, std::size_t columns) {
  const std::size_t width = display_width(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

std::optional<std::size_t> terminal_width() {
  if (::isatty(STDOUT_FILENO) != 1) return std::nullopt;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return number_in(std::getenv("COLUMNS")).value_or(80);
}

std::string paint(Colour colour, const std::string& text) {
  if (colour == Colour::Plain || text.empty() || !may_colour()) return text;
  const char* const code = colour == Colour::Bold     ? "1"
                           : colour == Colour::Dim    ? "2"
                           : colour == Colour::Red    ? "31"
                           : colour == Colour::Green  ? "32"
                           : colour == Colour::Yellow ? "33"
                                                      : "36";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

Colour colour_of_status(std::string_view status) {
  if (status == "SUCCEEDED" || status == "ok") return Colour::Green;
  if (status == "FAILED" || status == "TIMED_OUT" || status == "ABORTED") return Colour::Red;
  if (status == "RUNNING" || status == "PENDING" || status == "PENDING_REDRIVE" || status == "note")
    return Colour::Yellow;
  return Colour::Plain;
}

struct Progress::Impl {
  std::string work{};
  std::function<std::string()> detail{};
  std::mutex mutex{};
  std::condition_variable wake{};
  bool over{false};
  std::thread thread{};

  void run() {
    const auto began = std::chrono::steady_clock::now();
    bool told = false;
    std::unique_lock<std::mutex> lock{mutex};
    while (!wake.wait_for(lock, std::chrono::seconds{1}, [this] { return over; })) {
      const auto passed =
          std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
      lock.unlock();
      const std::string more = detail ? detail() : "";
      std::fprintf(stderr, "\r\033[K%s",
                   fit(fmt::format("{} … {} s  {}", work, passed.count(), more), 79).c_str());
      std::fflush(stderr);
      told = true;
      lock.lock();
    }
    if (told) std::fprintf(stderr, "\r\033[K");
  }
};

Progress::Progress(std::string work, std::function<std::string()> detail) {
  if (::isatty(STDERR_FILENO) != 1) return;
  impl_ = std::make_unique<Impl>();
  impl_->work = std::move(work);
  impl_->detail = std::move(detail);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

Progress::~Progress() {
  if (!impl_) return;
  {
    const std::scoped_lock lock{impl_->mutex};
    impl_->over = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

}  // namespace kiban::cli
