// Text is valid UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing beyond U+10FFFF)
// everywhere inside the engine, as rows are JSON. Text of clients is checked and refused; text of
// programs and files is repaired.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/json.h"

namespace kiban {

bool is_utf8(std::string_view text);
// Every string and member name of the tree.
bool is_utf8(const json::value& tree);

// Each byte that belongs to no character becomes U+FFFD, as Go's encoding/json does, through which
// the awslogs driver sends a container's lines to CloudWatch:
// https://pkg.go.dev/encoding/json#Marshal
std::string to_utf8(std::string_view bytes);
// In place: every string and member name of the tree.
void make_utf8(json::value& tree);
// The same of a tree that holds no numbers of parse_json_exactly: what looks like one is bytes.
void make_utf8_of_bytes(json::value& tree);

// A character that XML 1.0 allows, also as a reference: https://www.w3.org/TR/xml/#charsets
bool is_xml_character(std::uint32_t code_point);

}  // namespace kiban
