// The codecs behind codec.h, one pair a protocol. Private to api/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec.h"

namespace kiban::api {

// Structures nest, and some refer to themselves (an event pattern's filter); text from outside must
// not recurse without end.
constexpr int nesting_max = 64;
// Parameters of one form: AWS caps the request's size, we the work.
constexpr std::size_t parameters_max = 20'000;

using Parameters = std::vector<std::pair<std::string, std::string>>;
// name=value&…, decoded. Error `MalformedQueryString`.
Result<Parameters> read_parameters(std::string_view text, Plus plus);
const std::string* find_parameter(const Parameters& parameters, std::string_view name);

// json 1.0, 1.1 and the bodies of rest-json.
Result<json::object> decode_json(const Service& service, const Shape& shape, std::string_view body);
std::string encode_json(const Service& service, const Shape& shape, const json::object& output);

// The same from a tree that something else than JSON text became.
Result<json::object> read_json_tree(const Service& service, const Shape& shape,
                                    const json::object& tree);

// rpc-v2-cbor.
Result<json::object> decode_cbor(const Service& service, const Shape& shape, std::string_view body);
std::string encode_cbor(const Service& service, const Shape& shape, const json::object& output);
std::string encode_cbor_error(std::string_view type, std::string_view message);

// query and ec2: `ec2` picks the naming of lists.
Result<json::object> decode_form(const Service& service, const Shape& shape,
                                 const Parameters& parameters, bool ec2);

// The inside of the element that `shape` is, without its own tags.
enum class XmlNames { Query, Ec2, Rest };
std::string encode_xml(const Service& service, const Shape& shape, const json::object& output,
                       XmlNames names);
// Error `MalformedXML`.
Result<json::object> decode_xml(const Service& service, const Shape& shape, std::string_view body);

// rest-xml and rest-json, both ways.
const KnownOperation* match_rest_operation(const Service& service, const HttpRequest& request);
Result<void> decode_rest(const HttpRequest& request, const Wire& wire, Request& decoded);
void encode_rest(const Wire& wire, const json::object& output, HttpResponse& response);

}  // namespace kiban::api
