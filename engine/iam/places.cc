#include "iam/policy.h"

namespace kiban::iam {
namespace {

// Walks along the text of a JSON document that is known to be well-formed.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  std::vector<Place> statements() {
    while (!done()) {
      if (text_[at_] == '"') {
        const std::string_view key = string();
        skip_space();
        // Member names are texts before a colon, one level deep.
        if (depth_ == 1 && key == "Statement" && !done() && text_[at_] == ':') return values();
      } else {
        step();
      }
    }
    return {};
  }

 private:
  bool done() const { return at_ >= text_.size(); }

  void advance() {
    if (text_[at_++] == '\n')
      position_ = {.line = position_.line + 1};
    else
      ++position_.column;
  }

  void step() {  // Outside of strings.
    const char c = text_[at_];
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    advance();
  }

  void skip_space() {
    while (!done() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      step();
  }

  // Without its quotes; escapes stay.
  std::string_view string() {
    advance();
    const std::size_t start = at_;
    while (!done() && text_[at_] != '"') {
      if (text_[at_] == '\\') advance();
      if (!done()) advance();
    }
    const std::string_view found = text_.substr(start, at_ - start);
    if (!done()) advance();
    return found;
  }

  std::vector<Place> values() {
    step();  // The colon.
    std::vector<Place> places;
    Place::Position start = position_;
    skip_space();
    const bool list = !done() && text_[at_] == '[';
    if (list) {
      step();
      start = position_;
    }
    const int outside = depth_;
    while (!done()) {
      if (text_[at_] == '"') {
        string();
        continue;
      }
      const char c = text_[at_];
      step();
      if (c == '}' && depth_ == outside) {
        places.push_back({.start = start, .end = position_});
        if (!list) break;
      }
      if (c == ',' && depth_ == outside) start = position_;
      if (depth_ < outside) break;
    }
    return places;
  }

  std::string_view text_;
  std::size_t at_{0};
  int depth_{0};
  Place::Position position_{};
};

}  // namespace

std::vector<Place> statement_places(std::string_view document) {
  return Walk(document).statements();
}

}  // namespace kiban::iam
