// Scalars of templates, which are often of another type than the operation wants: Value: 8080.
#pragma once

#include "api/model.h"
#include "core/json.h"

namespace kiban::api {

// The input of an operation with each number or boolean where a string belongs as its text, and
// each text where a number or boolean belongs as that, if it is one. Values of another shape
// are not changed.
json::value with_scalars_of(const Service& service, const Shape& shape, json::value value);

}  // namespace kiban::api
