{% extends base_script %}
{#
    One submission, one node. With --parallel the processes of a bundle run side by side, else one
    after the other. Those that use a GPU share it, `jobs_per_gpu` at a time, through CUDA MPS.

    flow's own script would wait in the foreground, deaf to the scheduler's signals.
#}
{% set on_gpu = operations|selectattr("directives.ngpu")|list %}
{% set share = on_gpu|map(attribute="directives.jobs_per_gpu")|max if on_gpu else 1 %}
{% set side_by_side = on_gpu|length if parallel else [on_gpu|length, 1]|min %}
{% set gpus = ((side_by_side + share - 1) / share)|int %}
{% set resources = dict(resources, ngpu_tasks=gpus) %}

{% block tasks %}
    {% if base_script == "slurm.sh" %}
#SBATCH --nodes=1
#SBATCH --ntasks={{ operations|length if parallel else 1 }}
#SBATCH --cpus-per-task={{ operations|map(attribute="directives.np")|max }}
        {% if gpus %}
#SBATCH --gres=gpu:{{ gpus }}
        {% endif %}
    {% else %}
{{ super() }}
    {% endif %}
#SBATCH --signal=B:TERM@120
{% endblock tasks %}

{% block body %}
pids=()
status=0
stopping=
interrupted=

# The scheduler's signal, before the walltime or of a cancelled job, goes to every process: each
# writes a checkpoint and ends. What has not begun does not begin.
forward() {
    stopping=1
    interrupted=1
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill -TERM "$pid" 2>/dev/null || true
    done
}
trap forward TERM INT

# A signal ends `wait` early: wait for the same process again.
finish() {
    local pid code
    [ -z "$stopping" ] || forward # again, for one that began at that moment
    for pid in ${pids[@]+"${pids[@]}"}; do
        interrupted=1
        while [ -n "$interrupted" ]; do
            interrupted=
            code=0
            wait "$pid" || code=$?
        done
        [ "$code" -eq 0 ] || status=$code
    done
    pids=()
}
    {% if on_gpu %}

# The GPUs that the scheduler gave, by their UUIDs, which mean the same inside and outside of MPS.
IFS=, read -r -a gpus <<< "${CUDA_VISIBLE_DEVICES:-{{ range(gpus)|join(",") }}}"
n_gpus={{ "${#gpus[@]}" }}
by_uuid=1
for i in "${!gpus[@]}"; do
    case ${gpus[i]} in
    GPU-* | MIG-*) ;;
    *)
        if uuid=$(nvidia-smi -i "${gpus[i]}" --query-gpu=uuid --format=csv,noheader 2>/dev/null); then
            gpus[i]=$uuid
        else
            by_uuid=
        fi
        ;;
    esac
done
        {% if share > 1 and side_by_side > 1 %}

mps=
end_mps() {
    if [ -n "$mps" ]; then
        echo quit | nvidia-cuda-mps-control || true
        rm -rf "$mps"
    fi
}
trap end_mps EXIT
if [ -n "$by_uuid" ] && command -v nvidia-cuda-mps-control >/dev/null; then
    # Of its own, so that it neither meets nor ends another job's.
    mps=$(mktemp -d /tmp/mps.XXXXXX)
    export CUDA_MPS_PIPE_DIRECTORY=$mps CUDA_MPS_LOG_DIRECTORY=$mps
    if ! CUDA_VISIBLE_DEVICES=$(IFS=,; echo "${gpus[*]}") nvidia-cuda-mps-control -d; then
        echo "CUDA MPS did not start: the simulations take turns on their GPU" >&2
        rm -rf "$mps"
        mps=
        unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
    fi
else
    echo "no CUDA MPS here: the simulations take turns on their GPU" >&2
fi
        {% endif %}
    {% endif %}
    {% set turn = namespace(gpu=0) %}
    {% for operation in operations %}

# {{ "%s"|format(operation) }}
if [ -z "$stopping" ]; then
        {% if operation.directives.ngpu %}
    CUDA_VISIBLE_DEVICES=${gpus[{{ turn.gpu }} % n_gpus]} {{ operation.cmd }} &
            {% set turn.gpu = turn.gpu + 1 %}
        {% else %}
    {{ operation.cmd }} &
        {% endif %}
    pids+=($!)
        {% if not parallel %}
    finish
        {% endif %}
fi
    {% endfor %}
{% endblock body %}
{% block footer %}

finish
[ -z "$stopping" ] || exit 143
exit "$status"
{% endblock footer %}
