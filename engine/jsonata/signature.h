// Function signatures: <a<n>s?:b>. docs.jsonata.org/programming#function-signatures
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jsonata/jsonata.h"

namespace kiban::jsonata {

struct Parameter {
  std::string types{};  // Symbols that fit, of "bnlsaofm" (m: missing).
  char kind{'x'};       // As written; '(' for a choice.
  char subtype{0};      // Of a<...>.
  bool context{false};  // `-`: taken from the context when missing.
  bool optional{false};
  bool repeated{false};
};

struct Signature {
  std::vector<Parameter> parameters{};
};

// From '<' to '>' both included. `position` of an error counts from the '<'.
OrError<Signature> parse_signature(std::string_view text);

}  // namespace kiban::jsonata
