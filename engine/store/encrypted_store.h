// Encryption at rest: values are encrypted with AES-256-GCM before they reach the rows on disk.
//
// Each value has a random nonce and is bound to its key (as associated data), so that the value of
// one row can't be put into another. The keys of rows are not encrypted.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "store/store.h"

namespace kiban::store {

using EncryptionKey = std::array<unsigned char, 32>;

// Reads the key from `path`; makes a random one there when the file is missing and `rows` hold
// nothing encrypted. Errors: `KeyMissing` when encrypted rows need a key that is not there,
// `KeyUnusable` when the file is not a key.
Result<EncryptionKey> load_or_make_key(const std::string& path, const Store& rows);

// Decorates `rows`. Rows whose key begins with one of `plain` are stored as they are: executions,
// logs and metrics are most of the traffic. Rows of a directory that was written without encryption
// are encrypted at once, and the old files are rewritten. Error `KeyWrong` when the key does not
// fit the rows; `key_file` is named in that message.
Result<std::unique_ptr<Store>> encrypt_store(std::unique_ptr<Store> rows, const EncryptionKey& key,
                                             const std::string& key_file,
                                             std::vector<std::string> plain);

}  // namespace kiban::store
