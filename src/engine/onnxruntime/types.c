/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX Runtime's status, element types and shapes as ours. Any thread.
 */
#include "engine/onnxruntime/onnxruntime.h"

static const struct {
    ONNXTensorElementDataType ort;
    enum datatype datatype;
} type_map[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, DATATYPE_FP32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, DATATYPE_FP16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, DATATYPE_FP64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, DATATYPE_UINT8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, DATATYPE_INT8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, DATATYPE_UINT16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, DATATYPE_INT16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, DATATYPE_UINT32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, DATATYPE_INT32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, DATATYPE_UINT64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, DATATYPE_INT64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, DATATYPE_BOOL},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, DATATYPE_BYTES},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, DATATYPE_BF16},
};

int ort_check(const struct engine *engine, OrtStatus *status, enum error_code code,
              const char *what, struct error *error)
{
    if (!status) {
        return 0;
    }
    int r = error_set(error, code, "%s: %s", what, engine->api->GetErrorMessage(status));
    engine->api->ReleaseStatus(status);
    return r;
}

enum datatype ort_datatype(ONNXTensorElementDataType type)
{
    for (size_t i = 0; i < sizeof type_map / sizeof type_map[0]; i++) {
        if (type_map[i].ort == type) {
            return type_map[i].datatype;
        }
    }
    return DATATYPE_NONE;
}

ONNXTensorElementDataType ort_type_of(enum datatype datatype)
{
    for (size_t i = 0; i < sizeof type_map / sizeof type_map[0]; i++) {
        if (type_map[i].datatype == datatype) {
            return type_map[i].ort;
        }
    }
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

int ort_read_shape(const struct engine *engine, const OrtTensorTypeAndShapeInfo *info,
                   const char *name, enum datatype *ret_datatype, struct tensor_shape *ret_shape,
                   struct error *error)
{
    const OrtApi *api = engine->api;
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    OrtStatus *status = api->GetTensorElementType(info, &type);
    status = status ? status : api->GetDimensionsCount(info, &rank);
    int r = ort_check(engine, status, ERROR_UNFIT, "tensor", error);
    if (r < 0) {
        return r;
    }
    if (rank > LIMIT_TENSOR_RANK) {
        return error_set(error, ERROR_UNFIT, "'%s' has %zu dimensions; at most %u are served", name,
                         rank, LIMIT_TENSOR_RANK);
    }
    *ret_datatype = ort_datatype(type);
    *ret_shape = (struct tensor_shape){.rank = (uint32_t)rank};
    r = ort_check(engine, api->GetDimensions(info, ret_shape->dims, rank), ERROR_UNFIT, "tensor",
                  error);
    for (size_t i = 0; i < rank; i++) {
        if (ret_shape->dims[i] < 0) {
            ret_shape->dims[i] = -1;
        }
    }
    return r;
}
