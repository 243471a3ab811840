// An immutable JSON document with two faces, text and tree, each made at most once and shared by
// every holder of a copy. Not for use by two threads at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/json.h"

namespace kiban {

class Payload {
 public:
  Payload();  // {}
  // The text should be JSON that parse_json accepts: tree() throws std::runtime_error otherwise.
  static Payload from_text(std::string text);
  static Result<Payload> parse(std::string text);
  static Payload from_tree(json::value tree);

  const std::string& text() const;
  const json::value& tree() const;
  // Same document object, not merely an equal one.
  bool same_as(const Payload& other) const { return document_ == other.document_; }

  // How often a text was parsed or a tree printed since the program began; for tests.
  static std::uint64_t parses();
  static std::uint64_t prints();

 private:
  struct Document;
  explicit Payload(std::shared_ptr<Document> document) : document_(std::move(document)) {}
  std::shared_ptr<Document> document_;
};

}  // namespace kiban
