;; A web server in an SBCL image: it serves the socket that it is given as
;; descriptor 3, and keeps its state in its memory.
;;
;;   sbcl --non-interactive --no-sysinit --no-userinit --load server.lisp --end-toplevel-options PATH

(require :sb-bsd-sockets)
(require :sb-posix)

(defvar *port* 0)
(defvar *served* 0 "Requests since the image was started.")
(defvar *pages* (make-hash-table :test #'equal) "What the image was saved with.")

(dotimes (i 20000)
  (setf (gethash (format nil "/page/~d" i) *pages*)
        (format nil "<p>This is page ~d of ~d, which nobody reads.</p>" i 20000)))

(defun answer (stream)
  (let ((request (read-line stream)))
    (loop until (<= (length (read-line stream)) 1)) ; up to the line that is a return alone
    (let* ((space (position #\Space request))
           (path (subseq request (1+ space) (position #\Space request :start (1+ space))))
           (text (or (gethash path *pages*)
                     (format nil "~d ~d ~d" *port* (incf *served*) (sb-posix:getpid)))))
      (format stream "HTTP/1.0 200 OK~c~%Content-Length: ~d~c~%Connection: close~c~%~c~%~a~%"
              #\Return (1+ (length text)) #\Return #\Return #\Return text)
      (finish-output stream))))

(defun serve ()
  (let ((listener (make-instance 'sb-bsd-sockets:inet-socket :type :stream :protocol :tcp :descriptor 3)))
    (setf *port* (nth-value 1 (sb-bsd-sockets:socket-name listener)))
    (loop
      ;; The descriptor is shared, and somebody may have made it non-blocking.
      (sb-sys:wait-until-fd-usable 3 :input)
      (let ((client (sb-bsd-sockets:socket-accept listener)))
        (when client
          (unwind-protect
               (handler-case
                   (let ((stream (sb-bsd-sockets:socket-make-stream
                                  client :input t :output t :buffering :full :timeout 10 :external-format :latin-1)))
                     (unwind-protect (answer stream)
                       (close stream :abort t)))
                 (error (e) (format *error-output* "a request failed: ~a~%" e)))
            (sb-bsd-sockets:socket-close client)))))))

(defun main ()
  (sb-ext:disable-debugger)
  ;; Without unwinding, in which SBCL may hang when the signal finds it stopped or frozen.
  (sb-sys:enable-interrupt sb-unix:sigterm (lambda (&rest ignored) (declare (ignore ignored)) (sb-ext:exit :abort t :code 0)))
  (serve))

(gc :full t)
(sb-ext:save-lisp-and-die (car (last sb-ext:*posix-argv*)) :toplevel #'main :executable t :save-runtime-options t)
