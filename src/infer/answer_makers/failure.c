/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures are made of an item's error, not of outputs: no task has them as answers.
 */
#include "infer/answer_maker.h"

const struct answer_maker answer_maker_failure = {.kind = &answer_failure};
